/* nRF52840: crystal, console on UARTE0, microphone on the PDM interface, timer, LED.

   Sections are those of the nRF52840 Product Specification v1.7. Pins come from the board's
   ws_pins.h. The processor runs at 64 MHz from reset on. */
#include "ws_board.h"
#include "ws_nrf52840.h"
#include "ws_pins.h"
#include "ws_vectors.h"

#define UARTE_INTERRUPT 2u
#define BAUD_115200 0x01D60000u /* 6.34.9, BAUDRATE */
#define RECEIVE_SLOTS 4u

#define BLOCK 160u               /* samples: 10 ms */
#define PDM_1280_KHZ 0x0A000000u /* 6.15.7, PDMCLKCTRL: 32 MHz / 25 */
#define PDM_RATIO_80 1u          /* 1.28 MHz / 80 = 16 kHz, exactly */
#define PDM_GAIN_0_DB 0x28u

#define TICK (16000000u / 10u) /* counts of TIMER0: 100 ms */

/* EasyDMA reaches RAM only. */
static volatile uint8_t sending;
static volatile uint8_t slots[RECEIVE_SLOTS];
static uint32_t taken; /* bytes received so far */
static int16_t blocks[2][BLOCK];
static uint32_t heard; /* blocks that were dealt with since START */

static void start_uart(void) {
    NRF_OUTSET(PIN_TXD) = NRF_PIN_BIT(PIN_TXD); /* idle is high: 6.34.2 */
    NRF_PIN_CNF(PIN_TXD) = 1u;
    NRF_PIN_CNF(PIN_RXD) = 0;
    UARTE_PSEL_TXD = PIN_TXD;
    UARTE_PSEL_RXD = PIN_RXD;
    UARTE_BAUDRATE = BAUD_115200;
    UARTE_ENABLE = 8u;
    /* One byte at a time, each into the next slot: PTR may be written anew once RXSTARTED tells
       that it was taken over (6.34.3). */
    UARTE_SHORTS = 1u << 5;
    UARTE_RXD_PTR = (uint32_t)(uintptr_t)&slots[0];
    UARTE_RXD_MAXCNT = 1u;
    UARTE_INTENSET = 1u << 4; /* ENDRX */
    ws_enable_interrupt(UARTE_INTERRUPT);
    UARTE_STARTRX = 1u;
    while (UARTE_RXSTARTED == 0) {
    }
    UARTE_RXSTARTED = 0;
    UARTE_RXD_PTR = (uint32_t)(uintptr_t)&slots[1];
}

static void uart_interrupt(void) {
    if (UARTE_ENDRX == 0) {
        return;
    }
    UARTE_ENDRX = 0;
    const uint8_t byte = slots[taken % RECEIVE_SLOTS];
    taken++;
    /* The short has begun the next transfer, so the slot after that one is to be named now. */
    UARTE_RXSTARTED = 0;
    UARTE_RXD_PTR = (uint32_t)(uintptr_t)&slots[(taken + 1u) % RECEIVE_SLOTS];
    ws_board_received(byte);
}

void ws_board_put(uint8_t byte) {
    sending = byte;
    UARTE_ENDTX = 0;
    UARTE_TXD_PTR = (uint32_t)(uintptr_t)&sending;
    UARTE_TXD_MAXCNT = 1u;
    UARTE_STARTTX = 1u;
    while (UARTE_ENDTX == 0) {
    }
}

/* The processor's clock stands still while it sleeps, and SysTick and DWT with it. TIMER0 goes on:
   16 MHz, a quarter of the processor's clock (6.30). Its interrupt ends the sleep now and then, so
   that main sees time pass. */
static void start_timer(void) {
    TIMER_MODE(TIMER0_BASE) = 0;
    TIMER_BITMODE(TIMER0_BASE) = 3u;
    TIMER_PRESCALER(TIMER0_BASE) = 0;
    TIMER_CC(TIMER0_BASE, 1u) = TICK;
    TIMER_INTENSET(TIMER0_BASE) = 1u << 17;
    TIMER_CLEAR(TIMER0_BASE) = 1u;
    TIMER_START(TIMER0_BASE) = 1u;
    ws_enable_interrupt(TIMER0_INTERRUPT);
}

static void timer_interrupt(void) {
    TIMER_COMPARE(TIMER0_BASE, 1u) = 0;
    TIMER_CC(TIMER0_BASE, 1u) += TICK;
}

uint32_t ws_board_cycles(void) {
    TIMER_CAPTURE(TIMER0_BASE, 0u) = 1u;
    return TIMER_CC(TIMER0_BASE, 0u) * (WS_CLOCK_HZ / 16000000u);
}

void ws_board_init(void) {
    NRF_HFCLKSTART = 1u;
    while ((NRF_HFCLKSTAT & 0x10001u) != 0x10001u) {
    }
    start_timer();
    start_uart();
    ws_board_led(0);
    NRF_PIN_CNF(PIN_LED) = 1u;
}

void ws_board_led(int on) {
    if ((on != 0) == PIN_LED_HIGH) {
        NRF_OUTSET(PIN_LED) = NRF_PIN_BIT(PIN_LED);
    } else {
        NRF_OUTCLR(PIN_LED) = NRF_PIN_BIT(PIN_LED);
    }
}

/* 6.15.5 "EasyDMA": SAMPLE.PTR is taken over at START and at every END, so the block after the
   one that is being filled is named in advance. An END that is missed leaves no trace in the PDM:
   TIMER1 counts them, told by PPI channel 0. */
int ws_board_listen(void) {
#ifdef PIN_MICROPHONE_POWER
    NRF_OUTSET(PIN_MICROPHONE_POWER) = NRF_PIN_BIT(PIN_MICROPHONE_POWER);
    NRF_PIN_CNF(PIN_MICROPHONE_POWER) = 1u;
#endif
    NRF_OUTCLR(PIN_PDM_CLOCK) = NRF_PIN_BIT(PIN_PDM_CLOCK);
    NRF_PIN_CNF(PIN_PDM_CLOCK) = 1u;
    NRF_PIN_CNF(PIN_PDM_DATA) = 0;
    TIMER_MODE(TIMER1_BASE) = 1u;
    TIMER_BITMODE(TIMER1_BASE) = 3u;
    TIMER_CLEAR(TIMER1_BASE) = 1u;
    TIMER_START(TIMER1_BASE) = 1u;
    PPI_EEP(0u) = PDM_END_ADDRESS;
    PPI_TEP(0u) = TIMER_COUNT_ADDRESS(TIMER1_BASE);
    PPI_CHENSET = 1u;
    PDM_PSEL_CLK = PIN_PDM_CLOCK;
    PDM_PSEL_DIN = PIN_PDM_DATA;
    PDM_CLKCTRL = PDM_1280_KHZ;
    PDM_RATIO = PDM_RATIO_80;
    PDM_MODE = 1u | PIN_PDM_RISING << 1;
    PDM_GAINL = PDM_GAIN_0_DB;
    PDM_ENABLE = 1u;
    PDM_SAMPLE_PTR = (uint32_t)(uintptr_t)blocks[0];
    PDM_SAMPLE_MAXCNT = BLOCK;
    PDM_STARTED = 0;
    PDM_END = 0;
    heard = 0;
    PDM_START = 1u;
    while (PDM_STARTED == 0) {
    }
    PDM_SAMPLE_PTR = (uint32_t)(uintptr_t)blocks[1];
    PDM_INTENSET = 1u << 2; /* END */
    ws_enable_interrupt(PDM_INTERRUPT);
    return 1;
}

void ws_board_mute(void) {
    PDM_INTENCLR = 1u << 2;
    PDM_STOPPED = 0;
    PDM_STOP = 1u;
    while (PDM_STOPPED == 0) {
    }
    PDM_ENABLE = 0;
    PDM_END = 0;
#ifdef PIN_MICROPHONE_POWER
    NRF_OUTCLR(PIN_MICROPHONE_POWER) = NRF_PIN_BIT(PIN_MICROPHONE_POWER);
#endif
}

/* The block that ended first is whole. Those that ended after it, before this came, all went into
   the other block, which is being filled again now: they are lost. */
static void pdm_interrupt(void) {
    static uint32_t next;
    PDM_END = 0;
    TIMER_CAPTURE(TIMER1_BASE, 0u) = 1u;
    const uint32_t ended = TIMER_CC(TIMER1_BASE, 0u) - heard;
    if (heard == 0) {
        next = 0;
    }
    if (ended == 0) {
        return;
    }
    heard += ended;
    PDM_SAMPLE_PTR = (uint32_t)(uintptr_t)blocks[next];
    ws_capture_put(blocks[next], BLOCK);
    if (ended > 1u) {
        ws_capture_lost((ended - 1u) * BLOCK);
    }
    next ^= 1u;
}

WS_INTERRUPTS const ws_vector_t ws_interrupts[WS_INTERRUPT_COUNT] = {
    [UARTE_INTERRUPT] = uart_interrupt,
    [TIMER0_INTERRUPT] = timer_interrupt,
    [PDM_INTERRUPT] = pdm_interrupt,
};
