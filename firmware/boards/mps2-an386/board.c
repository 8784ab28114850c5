/* MPS2 AN386: two CMSDK APB UARTs and the SysTick.

   UART registers: Arm Cortex-M System Design Kit Technical Reference Manual (DDI 0479), section
   4.3 "APB UART", table "UART programmers model". WS_CONSOLE_UART, WS_AUDIO_UART and WS_CLOCK_HZ
   come from board.toml. */
#include "ws_cortexm.h"

#define UART_DATA(base) WS_REG32((base) + 0x000u) /* 8 bits, received or to send */
#define UART_STATE(base)                                                                           \
    WS_REG32((base) + 0x004u) /* bit 0: send buffer full, bit 1: receive buffer full */
#define UART_CTRL(base) WS_REG32((base) + 0x008u)    /* bit 0: sending on, bit 1: receiving on */
#define UART_BAUDDIV(base) WS_REG32((base) + 0x010u) /* clock / baud rate, at least 16 */

#define BAUD 115200u

void ws_board_init(void) {
    UART_BAUDDIV(WS_CONSOLE_UART) = WS_CLOCK_HZ / BAUD;
    UART_CTRL(WS_CONSOLE_UART) = 1u;
    UART_BAUDDIV(WS_AUDIO_UART) = WS_CLOCK_HZ / BAUD;
    UART_CTRL(WS_AUDIO_UART) = 2u;
    WS_SYST_RVR = WS_CLOCK_HZ / 1000u - 1u;
    WS_SYST_CVR = 0;
    WS_SYST_CSR = 5u; /* processor clock, no interrupt, counting */
}

void ws_board_put(uint8_t byte) {
    while ((UART_STATE(WS_CONSOLE_UART) & 1u) != 0) {
    }
    UART_DATA(WS_CONSOLE_UART) = byte;
}

int32_t ws_board_audio_get(void) {
    if ((UART_STATE(WS_AUDIO_UART) & 2u) == 0) {
        return -1;
    }
    return (int32_t)(UART_DATA(WS_AUDIO_UART) & 0xFFu);
}

int ws_board_millisecond(void) {
    return (WS_SYST_CSR & (1u << 16)) != 0;
}
