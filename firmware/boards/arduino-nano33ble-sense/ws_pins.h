/* Arduino Nano 33 BLE Sense. Its schematic: the microphone MP34DT05 at P0.25 and P0.26, fed by
   P0.17; the pins TX and RX are P1.03 and P1.10. A pin is its number, plus 32 on port 1. */
#ifndef WS_PINS_H
#define WS_PINS_H

#define PIN_TXD (32u + 3u)  /* P1.03, TX */
#define PIN_RXD (32u + 10u) /* P1.10, RX */
#define PIN_LED 13u         /* P0.13, the orange one */
#define PIN_LED_HIGH 1
#define PIN_PDM_CLOCK 26u
#define PIN_PDM_DATA 25u
#define PIN_PDM_RISING 0u /* LR is low */
#define PIN_MICROPHONE_POWER 17u

#endif
