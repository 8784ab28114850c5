/* The independent watchdog, which STM32 chips have in common (RM0090, 21; RM0432, "Independent
   watchdog (IWDG)"). */
#include "ws_board.h"
#include "ws_cortexm.h"

#define IWDG_KR WS_REG32(0x40003000u)
#define IWDG_PR WS_REG32(0x40003004u)
#define IWDG_RLR WS_REG32(0x40003008u)

/* 32 kHz / 256, 1000 counts: 8 s. */
void ws_board_watch(void) {
    static int running;
    if (!running) {
        IWDG_KR = 0xCCCCu;
        IWDG_KR = 0x5555u;
        IWDG_PR = 6u;
        IWDG_RLR = 1000u;
        running = 1;
    }
    IWDG_KR = 0xAAAAu;
}
