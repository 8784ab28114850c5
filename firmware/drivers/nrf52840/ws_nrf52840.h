/* Registers of Nordic's nRF52840, as far as used.

   Sections are those of the nRF52840 Product Specification v1.7. Peripherals are at 4.2.3
   "Instantiation"; the number of a peripheral's interrupt is bits 17 to 12 of its address. */
#ifndef WS_NRF52840_H
#define WS_NRF52840_H

#include "ws_cortexm.h"

/* 5.4 "CLOCK": the PDM takes its clock from the 32 MHz crystal once that runs */
#define NRF_HFCLKSTART WS_REG32(0x40000000u)
#define NRF_HFCLKSTAT WS_REG32(0x4000040Cu) /* bit 16 STATE, bit 0 SRC: crystal */

/* 6.9 "GPIO": port 1 is 0x300 above port 0 */
#define NRF_PORT(pin) (0x50000000u + ((uint32_t)(pin) >> 5) * 0x300u)
#define NRF_OUTSET(pin) WS_REG32(NRF_PORT(pin) + 0x508u)
#define NRF_OUTCLR(pin) WS_REG32(NRF_PORT(pin) + 0x50Cu)
#define NRF_PIN_CNF(pin) WS_REG32(NRF_PORT(pin) + 0x700u + 4u * ((uint32_t)(pin) & 31u))
#define NRF_PIN_BIT(pin) (1u << ((uint32_t)(pin) & 31u))

/* 6.34 "UARTE" */
#define NRF_UARTE WS_CONSOLE_UART
#define UARTE_STARTRX WS_REG32(NRF_UARTE + 0x000u)
#define UARTE_STARTTX WS_REG32(NRF_UARTE + 0x008u)
#define UARTE_ENDRX WS_REG32(NRF_UARTE + 0x110u)
#define UARTE_ENDTX WS_REG32(NRF_UARTE + 0x120u)
#define UARTE_RXSTARTED WS_REG32(NRF_UARTE + 0x14Cu)
#define UARTE_SHORTS WS_REG32(NRF_UARTE + 0x200u) /* bit 5 ENDRX_STARTRX */
#define UARTE_INTENSET WS_REG32(NRF_UARTE + 0x304u)
#define UARTE_ENABLE WS_REG32(NRF_UARTE + 0x500u) /* 8 */
#define UARTE_PSEL_TXD WS_REG32(NRF_UARTE + 0x50Cu)
#define UARTE_PSEL_RXD WS_REG32(NRF_UARTE + 0x514u)
#define UARTE_BAUDRATE WS_REG32(NRF_UARTE + 0x524u)
#define UARTE_RXD_PTR WS_REG32(NRF_UARTE + 0x534u)
#define UARTE_RXD_MAXCNT WS_REG32(NRF_UARTE + 0x538u)
#define UARTE_TXD_PTR WS_REG32(NRF_UARTE + 0x544u)
#define UARTE_TXD_MAXCNT WS_REG32(NRF_UARTE + 0x548u)

/* 6.15 "PDM" */
#define PDM_BASE 0x4001D000u
#define PDM_INTERRUPT 29u
#define PDM_START WS_REG32(PDM_BASE + 0x000u)
#define PDM_STOP WS_REG32(PDM_BASE + 0x004u)
#define PDM_STARTED WS_REG32(PDM_BASE + 0x100u)
#define PDM_STOPPED WS_REG32(PDM_BASE + 0x104u)
#define PDM_END_ADDRESS (PDM_BASE + 0x108u)
#define PDM_END WS_REG32(PDM_END_ADDRESS)
#define PDM_INTENSET WS_REG32(PDM_BASE + 0x304u)
#define PDM_INTENCLR WS_REG32(PDM_BASE + 0x308u)
#define PDM_ENABLE WS_REG32(PDM_BASE + 0x500u)
#define PDM_CLKCTRL WS_REG32(PDM_BASE + 0x504u)
#define PDM_MODE WS_REG32(PDM_BASE + 0x508u) /* bit 0 mono, bit 1 sample on the rising edge */
#define PDM_GAINL WS_REG32(PDM_BASE + 0x518u)
#define PDM_RATIO WS_REG32(PDM_BASE + 0x520u)
#define PDM_PSEL_CLK WS_REG32(PDM_BASE + 0x540u)
#define PDM_PSEL_DIN WS_REG32(PDM_BASE + 0x544u)
#define PDM_SAMPLE_PTR WS_REG32(PDM_BASE + 0x560u)
#define PDM_SAMPLE_MAXCNT WS_REG32(PDM_BASE + 0x564u)

/* 6.30 "TIMER" */
#define TIMER0_BASE 0x40008000u
#define TIMER0_INTERRUPT 8u
#define TIMER1_BASE 0x40009000u
#define TIMER_START(base) WS_REG32((base) + 0x000u)
#define TIMER_COUNT_ADDRESS(base) ((base) + 0x008u)
#define TIMER_CLEAR(base) WS_REG32((base) + 0x00Cu)
#define TIMER_CAPTURE(base, n) WS_REG32((base) + 0x040u + 4u * (n))
#define TIMER_COMPARE(base, n) WS_REG32((base) + 0x140u + 4u * (n))
#define TIMER_INTENSET(base) WS_REG32((base) + 0x304u) /* bit 16 + n: COMPARE[n] */
#define TIMER_MODE(base) WS_REG32((base) + 0x504u)     /* 0 timer, 1 counter */
#define TIMER_BITMODE(base) WS_REG32((base) + 0x508u)  /* 3: 32 bits */
#define TIMER_PRESCALER(base) WS_REG32((base) + 0x510u)
#define TIMER_CC(base, n) WS_REG32((base) + 0x540u + 4u * (n))

/* 6.16 "PPI" */
#define PPI_CHENSET WS_REG32(0x4001F504u)
#define PPI_EEP(channel) WS_REG32(0x4001F510u + 8u * (channel))
#define PPI_TEP(channel) WS_REG32(0x4001F514u + 8u * (channel))

#endif
