/* nRF52840 DK (PCA10056). Hardware user guide, "Buttons and LEDs" and "Interface MCU: virtual COM
   port"; the board has no microphone: one is wired to D0 and D1 (docs/BOARDS.md). A pin is its
   number, plus 32 on port 1. */
#ifndef WS_PINS_H
#define WS_PINS_H

#define PIN_TXD 6u               /* P0.06, to the interface MCU */
#define PIN_RXD 8u               /* P0.08 */
#define PIN_LED 13u              /* P0.13, LED1 */
#define PIN_LED_HIGH 0           /* lit while low */
#define PIN_PDM_CLOCK (32u + 1u) /* P1.01, D0 */
#define PIN_PDM_DATA (32u + 2u)  /* P1.02, D1 */
#define PIN_PDM_RISING 0u /* a microphone with SELECT low gives data after the falling edge */

#endif
