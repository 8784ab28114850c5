/* BBC micro:bit v1: console on the UART, clock on TIMER0, one light of the matrix.

   Chapters are those of Nordic's nRF51 Series Reference Manual v3.0; pins are those of the
   micro:bit v1 schematics. The nRF51's Cortex-M0 has no SysTick. */
#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_text.h"
#include "ws_vectors.h"

/* 12 "Power management", 13 "Clock management" */
#define POWER_RESETREAS WS_REG32(0x40000400u) /* bit 1: watchdog, bit 3: lockup; ones clear */
#define CLOCK_HFCLKSTART WS_REG32(0x40000000u)
#define CLOCK_HFCLKSTARTED WS_REG32(0x40000100u)

/* 29 "UART" */
#define UART(offset) WS_REG32(WS_CONSOLE_UART + (offset))
#define UART_STARTRX UART(0x000u)
#define UART_STARTTX UART(0x008u)
#define UART_RXDRDY UART(0x108u) /* a byte lies in RXD; six more may wait behind it */
#define UART_TXDRDY UART(0x11Cu)
#define UART_INTENSET UART(0x304u)
#define UART_ENABLE UART(0x500u)
#define UART_PSELTXD UART(0x50Cu)
#define UART_PSELRXD UART(0x514u)
#define UART_RXD UART(0x518u)
#define UART_TXD UART(0x51Cu)
#define UART_BAUDRATE UART(0x524u)
#define BAUD_115200 0x01D7E000u

/* 19 "Timer/counter" */
#define TIMER0(offset) WS_REG32(0x40008000u + (offset))
#define TIMER_START TIMER0(0x000u)
#define TIMER_CAPTURE0 TIMER0(0x040u)
#define TIMER_COMPARE1 TIMER0(0x144u)
#define TIMER_INTENSET TIMER0(0x304u)
#define TIMER_BITMODE TIMER0(0x508u)
#define TIMER_PRESCALER TIMER0(0x510u)
#define TIMER_CC0 TIMER0(0x540u)
#define TIMER_CC1 TIMER0(0x544u)
#define TICK (WS_CLOCK_HZ / 10u) /* 100 ms */

/* 14 "GPIO" */
#define GPIO_OUTSET WS_REG32(0x50000508u)
#define GPIO_OUTCLR WS_REG32(0x5000050Cu)
#define GPIO_DIRSET WS_REG32(0x50000518u)

#define UART_INTERRUPT 2u
#define TIMER0_INTERRUPT 8u
#define PIN_TXD 24u
#define PIN_RXD 25u
#define PIN_ROW 13u   /* row 1 of the matrix, high */
#define PIN_COLUMN 4u /* column 1, low while lit */

static void report_reset(void) {
    const uint32_t reason = POWER_RESETREAS;
    POWER_RESETREAS = reason;
    if ((reason & 1u << 1) != 0) {
        ws_put_text("\nfault reset by the watchdog\n");
    }
    if ((reason & 1u << 3) != 0) {
        ws_put_text("\nfault reset after a lockup\n");
    }
}

void ws_board_init(void) {
    CLOCK_HFCLKSTARTED = 0;
    CLOCK_HFCLKSTART = 1u;
    while (CLOCK_HFCLKSTARTED == 0) {
    }
    TIMER_BITMODE = 3u; /* 32 bits, which only TIMER0 has */
    TIMER_PRESCALER = 0;
    TIMER_CC1 = TICK;
    TIMER_INTENSET = 1u << 17; /* COMPARE[1] */
    TIMER_START = 1u;
    GPIO_OUTSET = 1u << PIN_TXD;
    GPIO_DIRSET = 1u << PIN_TXD;
    UART_PSELTXD = PIN_TXD;
    UART_PSELRXD = PIN_RXD;
    UART_BAUDRATE = BAUD_115200;
    UART_ENABLE = 4u;
    UART_INTENSET = 1u << 2; /* RXDRDY */
    UART_STARTTX = 1u;
    UART_STARTRX = 1u;
    ws_enable_interrupt(UART_INTERRUPT);
    ws_enable_interrupt(TIMER0_INTERRUPT);
    report_reset();
}

void ws_board_put(uint8_t byte) {
    UART_TXDRDY = 0;
    UART_TXD = byte;
    while (UART_TXDRDY == 0) {
    }
}

static void uart_interrupt(void) {
    while (UART_RXDRDY != 0) {
        UART_RXDRDY = 0; /* before RXD: reading that may bring the next byte and the next event */
        ws_board_received((uint8_t)UART_RXD);
    }
}

/* Ends the sleep now and then, so that main sees time pass. */
static void timer_interrupt(void) {
    TIMER_COMPARE1 = 0;
    TIMER_CC1 += TICK;
}

uint32_t ws_board_cycles(void) {
    TIMER_CAPTURE0 = 1u;
    return TIMER_CC0; /* 16 MHz, as the processor */
}

void ws_board_led(int on) {
    if (on != 0) {
        GPIO_OUTCLR = 1u << PIN_COLUMN;
        GPIO_OUTSET = 1u << PIN_ROW;
    } else {
        GPIO_OUTCLR = 1u << PIN_ROW;
    }
    GPIO_DIRSET = 1u << PIN_ROW | 1u << PIN_COLUMN;
}

WS_INTERRUPTS const ws_vector_t ws_interrupts[WS_INTERRUPT_COUNT] = {
    [UART_INTERRUPT] = uart_interrupt,
    [TIMER0_INTERRUPT] = timer_interrupt,
};
