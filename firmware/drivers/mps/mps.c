/* Arm's MPS2 and MPS3 boards: one CMSDK APB UART and one CMSDK watchdog.

   Registers: Arm Cortex-M System Design Kit Technical Reference Manual (DDI 0479), chapter 4,
   "APB UART" and "APB watchdog", tables "programmers model". */
#include "ws_board.h"
#include "ws_cortexm.h"

#define UART_DATA WS_REG32(WS_CONSOLE_UART + 0x000u) /* 8 bits, received or to send */
#define UART_STATE                                                                                 \
    WS_REG32(WS_CONSOLE_UART + 0x004u) /* bit 0: send buffer full, bit 1: receive buffer full */
#define UART_CTRL WS_REG32(WS_CONSOLE_UART + 0x008u)    /* bit 0: sending on, bit 1: receiving on */
#define UART_BAUDDIV WS_REG32(WS_CONSOLE_UART + 0x010u) /* clock / baud rate, at least 16 */

#define WDOG_LOAD WS_REG32(WS_WATCHDOG + 0x000u)    /* ticks until it expires */
#define WDOG_CONTROL WS_REG32(WS_WATCHDOG + 0x008u) /* bit 0: interrupt (NMI), bit 1: reset */
#define WDOG_INTCLR WS_REG32(WS_WATCHDOG + 0x00Cu)  /* any write: no interrupt, load again */
#define WDOG_LOCK WS_REG32(WS_WATCHDOG + 0xC00u)    /* 0x1ACCE551 makes the others writable */

#define BAUD 115200u

void ws_board_init(void) {
    UART_BAUDDIV = WS_CLOCK_HZ / BAUD;
    UART_CTRL = 3u;
    ws_clock_start();
}

void ws_board_put(uint8_t byte) {
    while ((UART_STATE & 1u) != 0) {
    }
    UART_DATA = byte;
}

/* The UART has room for one byte and is looked at without interrupts. */
int32_t ws_board_get(void) {
    if ((UART_STATE & 2u) == 0) {
        return -1;
    }
    return (int32_t)(UART_DATA & 0xFFu);
}

/* The first call starts it. When it expires there is an NMI, whose report says where the processor
   was; nobody feeds it after that, and when it expires again it resets the board. */
void ws_board_watch(void) {
    WDOG_LOCK = 0x1ACCE551u;
    if ((WDOG_CONTROL & 1u) == 0) {
        WDOG_LOAD = WS_WATCHDOG_TICKS;
        WDOG_CONTROL = 3u;
    }
    WDOG_INTCLR = 1u;
    WDOG_LOCK = 0;
}
