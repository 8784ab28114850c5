/* What nRF51 and nRF52 have in common: watchdog and sleep.

   nRF51 Series Reference Manual v3.0, 24 "Watchdog timer"; nRF52840 Product Specification
   v1.7, 6.36 "WDT". It runs from the 32.768 kHz oscillator, which it starts by itself. */
#include "ws_board.h"
#include "ws_cortexm.h"

#define WDT(offset) WS_REG32(WS_WATCHDOG + (offset))
#define WDT_START WDT(0x000u)
#define WDT_RUNSTATUS WDT(0x400u)
#define WDT_CRV WDT(0x504u)
#define WDT_RREN WDT(0x508u)
#define WDT_CONFIG WDT(0x50Cu) /* bit 0: goes on while the processor sleeps */
#define WDT_RR0 WDT(0x600u)
#define WDT_KEY 0x6E524635u

/* The first call starts it; it cannot be stopped. It resets the chip. */
void ws_board_watch(void) {
    if (WDT_RUNSTATUS == 0) {
        WDT_CRV = WS_WATCHDOG_TICKS - 1u;
        WDT_RREN = 1u;
        WDT_CONFIG = 1u;
        WDT_START = 1u;
    }
    WDT_RR0 = WDT_KEY;
}

void ws_board_sleep(void) {
    ws_wait_for_interrupt();
}
