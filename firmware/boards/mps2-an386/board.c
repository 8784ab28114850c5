/* MPS2 AN386: one CMSDK APB UART; it has room for one byte and is looked at without interrupts.

   UART registers: Arm Cortex-M System Design Kit Technical Reference Manual (DDI 0479), section
   4.3 "APB UART", table "UART programmers model". */
#include "ws_board.h"
#include "ws_cortexm.h"

#define UART_DATA WS_REG32(WS_CONSOLE_UART + 0x000u) /* 8 bits, received or to send */
#define UART_STATE                                                                                 \
    WS_REG32(WS_CONSOLE_UART + 0x004u) /* bit 0: send buffer full, bit 1: receive buffer full */
#define UART_CTRL WS_REG32(WS_CONSOLE_UART + 0x008u)    /* bit 0: sending on, bit 1: receiving on */
#define UART_BAUDDIV WS_REG32(WS_CONSOLE_UART + 0x010u) /* clock / baud rate, at least 16 */

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

int32_t ws_board_get(void) {
    if ((UART_STATE & 2u) == 0) {
        return -1;
    }
    return (int32_t)(UART_DATA & 0xFFu);
}
