/* RP2040: addresses and fields in which it differs from its relatives; the rest is in rp2.c.

   Sections are those of the RP2040 Datasheet. */
#ifndef WS_RP2_H
#define WS_RP2_H

#include "ws_cortexm.h"

/* 2.14 "Subsystem resets" */
#define RESETS 0x4000C000u
#define RESET_ADC (1u << 0)
#define RESET_DMA (1u << 2)
#define RESET_IO_BANK0 (1u << 5)
#define RESET_PADS_BANK0 (1u << 8)
#define RESET_PLL_SYS (1u << 12)
#define RESET_PLL_USB (1u << 13)
#define RESET_TIMER (1u << 21)
#define RESET_UART0 (1u << 22)

#define XOSC 0x40024000u    /* 2.16 "Crystal oscillator" */
#define PLL_SYS 0x40028000u /* 2.18 "PLL" */
#define PLL_USB 0x4002C000u

/* 12 MHz * 125 / 6 / 2 = 125 MHz */
#define PLL_SYS_FEEDBACK 125u
#define PLL_SYS_POST1 6u
#define PLL_SYS_POST2 2u

/* 2.15 "Clocks" */
#define CLOCKS 0x40008000u
#define CLK_ADC_CTRL WS_REG32(CLOCKS + 0x60u)

/* 2.19 "GPIO", 2.3.1 "SIO" */
#define IO_BANK0 0x40014000u
#define PADS_BANK0 0x4001C000u
#define SIO_OUT_SET WS_REG32(0xD0000014u)
#define SIO_OUT_CLR WS_REG32(0xD0000018u)
#define SIO_OE_SET WS_REG32(0xD0000024u)

/* 2.3.2 "Interrupts" */
#define DMA_INTERRUPT 11u
#define UART_INTERRUPT 20u

#define ADC 0x4004C000u /* 4.9 "ADC and temperature sensor" */

/* 2.5 "DMA": the fields of a channel's CTRL, 2.5.7 */
#define DREQ_ADC 36u
#define DMA_TREQ_SEL 15u
#define DMA_CHAIN_TO 11u
#define DMA_RING_SEL 10u
#define DMA_RING_SIZE 6u
#define DMA_INCR_WRITE 5u
#define DMA_ABORT WS_REG32(0x50000444u)

#define TIMER 0x40054000u           /* 4.6 "Timer" */
#define WATCHDOG 0x40058000u        /* 4.7 "Watchdog" */
#define WATCHDOG_PER_US 2u          /* it counts two in a microsecond (erratum RP2040-E1) */
#define PSM_WDSEL 0x40010008u       /* 2.13 "Power-on state machine" */
#define PSM_ALL_BUT_CLOCKS 0x1FFFCu /* without ROSC and XOSC */

/* 4.7.2 "Tick generation": timer and watchdog count microseconds of the 12 MHz crystal. */
static inline void ws_rp2_start_ticks(void) {
    WS_REG32(WATCHDOG + 0x2Cu) = 1u << 9 | 12u;
}

#endif
