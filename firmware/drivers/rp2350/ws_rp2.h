/* RP2350: addresses and fields in which it differs from its relatives; the rest is in rp2.c.

   Sections are those of the RP2350 Datasheet. */
#ifndef WS_RP2_H
#define WS_RP2_H

#include "ws_cortexm.h"

/* 7.5 "Subsystem resets" */
#define RESETS 0x40020000u
#define RESET_ADC (1u << 0)
#define RESET_DMA (1u << 2)
#define RESET_IO_BANK0 (1u << 6)
#define RESET_PADS_BANK0 (1u << 9)
#define RESET_PLL_SYS (1u << 14)
#define RESET_PLL_USB (1u << 15)
#define RESET_TIMER (1u << 23) /* TIMER0 */
#define RESET_UART0 (1u << 26)

#define XOSC 0x40048000u    /* 8.2 "Crystal oscillator (XOSC)" */
#define PLL_SYS 0x40050000u /* 8.6 "PLL" */
#define PLL_USB 0x40058000u

/* 12 MHz * 125 / 5 / 2 = 150 MHz */
#define PLL_SYS_FEEDBACK 125u
#define PLL_SYS_POST1 5u
#define PLL_SYS_POST2 2u

/* 8.1 "Overview" of the clocks */
#define CLOCKS 0x40010000u
#define CLK_ADC_CTRL WS_REG32(CLOCKS + 0x6Cu)

/* 9.11 "List of registers" of the GPIO, 3.1 "SIO" */
#define IO_BANK0 0x40028000u
#define PADS_BANK0 0x40038000u
#define SIO_OUT_SET WS_REG32(0xD0000018u)
#define SIO_OUT_CLR WS_REG32(0xD0000020u)
#define SIO_OE_SET WS_REG32(0xD0000038u)

/* 3.2 "Interrupts" */
#define DMA_INTERRUPT 10u
#define UART_INTERRUPT 33u

#define ADC 0x400A0000u /* 12.4 "ADC and temperature sensor" */

/* 12.6 "DMA": the fields of a channel's CTRL, in its list of registers */
#define DREQ_ADC 48u
#define DMA_TREQ_SEL 17u
#define DMA_CHAIN_TO 13u
#define DMA_RING_SEL 12u
#define DMA_RING_SIZE 8u
#define DMA_INCR_WRITE 6u
#define DMA_ABORT WS_REG32(0x50000464u)

#define TIMER 0x400B0000u    /* 12.8 "System timers", TIMER0 */
#define WATCHDOG 0x400D8000u /* 12.9 "Watchdog" */
#define WATCHDOG_PER_US 1u
#define PSM_WDSEL 0x40018008u         /* 7.4 "System resets": PSM */
#define PSM_ALL_BUT_CLOCKS 0x1FFFFF3u /* without ROSC and XOSC */

/* 8.5 "Tick generators": timer and watchdog count microseconds of the 12 MHz crystal, each from
   a generator of its own. */
static inline void ws_rp2_start_ticks(void) {
    const uint32_t timer0 = 0x40108018u, watchdog = 0x40108030u;
    WS_REG32(timer0 + 4u) = 12u; /* CYCLES, which changes only while it is off */
    WS_REG32(timer0) = 1u;
    WS_REG32(watchdog + 4u) = 12u;
    WS_REG32(watchdog) = 1u;
}

#endif
