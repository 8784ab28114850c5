/* RP2040 and RP2350: clocks, console on UART0, microphone on the ADC, LED, watchdog.

   Sections are those of the RP2040 Datasheet; those of the RP2350's, and where the chips differ,
   are in each one's ws_rp2.h. A peripheral's registers have three more faces (2.1.2;
   RP2350: 2.1.3): writes at +0x1000 flip bits, at +0x2000 set and at +0x3000 clear them. */
#include "ws_board.h"
#include "ws_rp2.h"
#include "ws_vectors.h"

#define SET 0x2000u
#define CLEAR 0x3000u

/* 2.14 "Subsystem resets" */
#define RESETS_DONE WS_REG32(RESETS + 0x8u)

/* 2.16 "Crystal oscillator" */
#define XOSC_CTRL WS_REG32(XOSC + 0x00u)
#define XOSC_STATUS WS_REG32(XOSC + 0x04u)  /* bit 31 STABLE */
#define XOSC_STARTUP WS_REG32(XOSC + 0x0Cu) /* in 256 crystal periods */

/* 2.18 "PLL" */
#define PLL_CS(pll) WS_REG32((pll) + 0x0u) /* bits 5:0 REFDIV, bit 31 LOCK */
#define PLL_PWR(pll) WS_REG32((pll) + 0x4u)
#define PLL_FBDIV(pll) WS_REG32((pll) + 0x8u)
#define PLL_PRIM(pll) WS_REG32((pll) + 0xCu) /* bits 18:16 and 14:12: the two post dividers */

/* 2.15 "Clocks" */
#define CLK_REF_CTRL WS_REG32(CLOCKS + 0x30u)
#define CLK_REF_SELECTED WS_REG32(CLOCKS + 0x38u)
#define CLK_SYS_CTRL WS_REG32(CLOCKS + 0x3Cu)
#define CLK_SYS_CTRL_CLEAR WS_REG32(CLOCKS + CLEAR + 0x3Cu)
#define CLK_SYS_SELECTED WS_REG32(CLOCKS + 0x44u)
#define CLK_PERI_CTRL WS_REG32(CLOCKS + 0x48u)
#define CLK_ENABLE (1u << 11)

/* 2.19 "GPIO" */
#define GPIO_CTRL(pin) WS_REG32(IO_BANK0 + 4u + 8u * (pin)) /* FUNCSEL: 2 UART, 5 SIO */
#define PAD(pin) WS_REG32(PADS_BANK0 + 4u + 4u * (pin))     /* bit 7 OD, bit 6 IE */

/* 4.2 "UART": an Arm PL011 */
#define UART_DR WS_REG32(WS_CONSOLE_UART + 0x00u)
#define UART_FR WS_REG32(WS_CONSOLE_UART + 0x18u) /* bit 5 TXFF, bit 4 RXFE */
#define UART_IBRD WS_REG32(WS_CONSOLE_UART + 0x24u)
#define UART_FBRD WS_REG32(WS_CONSOLE_UART + 0x28u)
#define UART_LCR WS_REG32(WS_CONSOLE_UART + 0x2Cu) /* bits 6:5 8 bits, bit 4 FIFOs */
#define UART_CR WS_REG32(WS_CONSOLE_UART + 0x30u)  /* bit 9 RXE, bit 8 TXE, bit 0 on */
#define UART_IFLS WS_REG32(WS_CONSOLE_UART + 0x34u)
#define UART_IMSC WS_REG32(WS_CONSOLE_UART + 0x38u) /* bit 6 receive timeout, bit 4 receive */
#define BAUD 115200u

/* 4.9 "ADC and temperature sensor" */
#define ADC_CS WS_REG32(ADC + 0x00u)
#define ADC_FCS WS_REG32(ADC + 0x08u)
#define ADC_FIFO_ADDRESS (ADC + 0x0Cu)
#define ADC_FIFO WS_REG32(ADC_FIFO_ADDRESS)
#define ADC_DIV WS_REG32(ADC + 0x10u) /* bits 23:8: 48 MHz / (1 + this) */
#define ADC_HZ 48000000u
#define SAMPLE_HZ 16000u

/* 2.5 "DMA": CTRL bits 3:2 DATA_SIZE, 0 EN on both chips */
#define DMA(channel, offset) WS_REG32(0x50000000u + 0x40u * (channel) + (offset))
#define DMA_READ 0x00u
#define DMA_WRITE 0x04u
#define DMA_COUNT 0x08u
#define DMA_CTRL_START 0x0Cu
#define DMA_CTRL 0x10u
#define DMA_INTE0 WS_REG32(0x50000404u)
#define DMA_INTS0 WS_REG32(0x5000040Cu)

/* 4.6 "Timer", 4.7 "Watchdog" */
#define TIMER_LOW WS_REG32(TIMER + 0x28u) /* microseconds */
#define WATCHDOG_LOAD WS_REG32(WATCHDOG + 0x04u)
#define WATCHDOG_COUNTS (8000000u * WATCHDOG_PER_US) /* 8 s; 24 bits */

#define PIN_TXD 0u
#define PIN_RXD 1u
#define PIN_LED 25u
#define PIN_MICROPHONE 26u /* ADC input 0 */

#define LOG2_BYTES 9u                   /* of a block; a ring must be a power of two (2.5.1.3) */
#define BLOCK (1u << (LOG2_BYTES - 1u)) /* samples: 16 ms */
#define BLOCK_US (BLOCK * 1000000u / SAMPLE_HZ)

/* The DMA writes codes of 12 bits, the interrupt turns them into PCM where they are. */
static union {
    uint16_t code[BLOCK];
    int16_t pcm[BLOCK];
} blocks[2] __attribute__((aligned(1u << LOG2_BYTES)));
static uint32_t began; /* microseconds */
static uint32_t heard; /* blocks that were dealt with since */

static void release(uint32_t which) {
    WS_REG32(RESETS + CLEAR) = which;
    while ((~RESETS_DONE & which) != 0) {
    }
}

/* 2.18.2 "Usage": 12 MHz * feedback / post1 / post2 */
static void start_pll(uint32_t pll, uint32_t feedback, uint32_t post1, uint32_t post2) {
    PLL_CS(pll) = 1u;
    PLL_FBDIV(pll) = feedback;
    PLL_PWR(pll + CLEAR) = 1u << 0 | 1u << 5; /* PD, VCOPD */
    while ((PLL_CS(pll) & 1u << 31) == 0) {
    }
    PLL_PRIM(pll) = post1 << 16 | post2 << 12;
    PLL_PWR(pll + CLEAR) = 1u << 3; /* POSTDIVPD */
}

/* Crystal 12 MHz; clk_sys and clk_peri WS_CLOCK_HZ, clk_adc 48 MHz. */
static void start_clocks(void) {
    XOSC_STARTUP = 94u; /* 2 ms */
    XOSC_CTRL = 0xFABu << 12 | 0xAA0u;
    while ((XOSC_STATUS & 1u << 31) == 0) {
    }
    CLK_REF_CTRL = 2u; /* crystal */
    while ((CLK_REF_SELECTED & 1u << 2) == 0) {
    }
    /* To clk_ref while the PLL is set up. The auxiliary multiplexer glitches, so it is moved only
       while nobody listens to it (2.15.3.2 "Multiplexers"); the RP2350 starts on it. */
    CLK_SYS_CTRL_CLEAR = 1u;
    while ((CLK_SYS_SELECTED & 1u) == 0) {
    }
    CLK_SYS_CTRL = 0; /* auxiliary: PLL_SYS */
    release(RESET_PLL_SYS | RESET_PLL_USB);
    start_pll(PLL_SYS, PLL_SYS_FEEDBACK, PLL_SYS_POST1, PLL_SYS_POST2);
    start_pll(PLL_USB, 100u, 5u, 5u);
    CLK_SYS_CTRL = 1u;
    while ((CLK_SYS_SELECTED & 1u << 1) == 0) {
    }
    CLK_PERI_CTRL = CLK_ENABLE; /* clk_sys */
    CLK_ADC_CTRL = CLK_ENABLE;  /* PLL_USB */
    ws_rp2_start_ticks();
}

/* RP2350, 9.7: a pad is cut off from reset on until its ISO is cleared, and its input is off; the
   RP2040 keeps that bit 0. */
static void open_pad(uint32_t pin) {
    PAD(pin) = (PAD(pin) & ~(1u << 8)) | 1u << 6;
}

static void start_uart(void) {
    const uint32_t divisor = (8u * WS_CLOCK_HZ / BAUD + 1u) / 2u; /* in 64ths (4.2.3.2.1) */
    UART_IBRD = divisor >> 6;
    UART_FBRD = divisor & 63u;
    UART_LCR = 3u << 5 | 1u << 4;
    UART_IFLS = 0; /* interrupt when 4 bytes have come, or none for a while */
    UART_CR = 1u << 9 | 1u << 8 | 1u;
    UART_IMSC = 1u << 6 | 1u << 4;
    GPIO_CTRL(PIN_TXD) = 2u;
    GPIO_CTRL(PIN_RXD) = 2u;
    open_pad(PIN_TXD);
    open_pad(PIN_RXD);
    ws_enable_interrupt(UART_INTERRUPT);
}

static void uart_interrupt(void) {
    while ((UART_FR & 1u << 4) == 0) {
        ws_board_received((uint8_t)UART_DR);
    }
}

void ws_board_put(uint8_t byte) {
    while ((UART_FR & 1u << 5) != 0) {
    }
    UART_DR = byte;
}

void ws_board_init(void) {
    start_clocks();
    release(RESET_IO_BANK0 | RESET_PADS_BANK0 | RESET_UART0 | RESET_TIMER | RESET_ADC | RESET_DMA);
    start_uart();
    ws_clock_start();
    SIO_OE_SET = 1u << PIN_LED;
    GPIO_CTRL(PIN_LED) = 5u;
    open_pad(PIN_LED);
    PAD(PIN_MICROPHONE) = 1u << 7; /* 4.9.1: digital output and input off, no pulls */
    ADC_CS = 1u;
    while ((ADC_CS & 1u << 8) == 0) {
    }
}

void ws_board_led(int on) {
    if (on) {
        SIO_OUT_SET = 1u << PIN_LED;
    } else {
        SIO_OUT_CLR = 1u << PIN_LED;
    }
}

/* Two channels, each with a block of its own, start each other (2.5.2.1 "Chain triggers"). A write
   address that runs in a ring comes back to the block's begin by itself, so a late interrupt
   cannot make them write elsewhere. */
static uint32_t control(uint32_t channel) {
    return DREQ_ADC << DMA_TREQ_SEL | (channel ^ 1u) << DMA_CHAIN_TO | 1u << DMA_RING_SEL |
           LOG2_BYTES << DMA_RING_SIZE | 1u << DMA_INCR_WRITE | 1u << 2 | 1u;
}

int ws_board_listen(void) {
    ADC_DIV = (ADC_HZ / SAMPLE_HZ - 1u) << 8;
    ADC_FCS = 1u << 24 | 1u << 11 | 1u << 10 | 1u << 3 | 1u; /* DREQ from one result on */
    for (uint32_t channel = 0; channel < 2u; channel++) {
        DMA(channel, DMA_READ) = ADC_FIFO_ADDRESS;
        DMA(channel, DMA_WRITE) = (uint32_t)(uintptr_t)blocks[channel].code;
        DMA(channel, DMA_COUNT) = BLOCK;
    }
    DMA_INTS0 = 3u;
    DMA_INTE0 = 3u;
    DMA(1u, DMA_CTRL) = control(1u);
    DMA(0u, DMA_CTRL_START) = control(0u);
    ws_enable_interrupt(DMA_INTERRUPT);
    heard = 0;
    began = TIMER_LOW;
    ADC_CS = 1u << 3 | 1u; /* input 0, again and again */
    return 1;
}

/* Errata RP2040-E13: an aborted channel may still interrupt, so that is off before. RP2350-E5: an
   aborted channel may start the one it is chained to, so both are disabled before. */
void ws_board_mute(void) {
    DMA_INTE0 = 0;
    ADC_CS = 1u;
    for (uint32_t channel = 0; channel < 2u; channel++) {
        DMA(channel, DMA_CTRL) = 0;
    }
    DMA_ABORT = 3u;
    while (DMA_ABORT != 0) {
    }
    DMA_INTS0 = 3u;
    while ((ADC_FCS & 1u << 8) == 0) { /* not EMPTY */
        (void)ADC_FIFO;
    }
}

/* Timer and ADC have one crystal, so the time says how many blocks there were. The last of them is
   whole; those before it have been written over, or are about to be. */
static void dma_interrupt(void) {
    DMA_INTS0 = 3u;
    const uint32_t passed = TIMER_LOW - began + BLOCK_US / 32u; /* a block ends a bit early */
    const uint32_t ended = passed / BLOCK_US - heard;
    if (ended == 0) {
        return;
    }
    heard += ended;
    if (ended > 1u) {
        ws_capture_lost((ended - 1u) * BLOCK);
    }
    const uint32_t last = (heard - 1u) & 1u;
    for (uint32_t i = 0; i < BLOCK; i++) {
        blocks[last].pcm[i] = (int16_t)(((int32_t)blocks[last].code[i] - 2048) * 16);
    }
    ws_capture_put(blocks[last].pcm, BLOCK);
}

void ws_board_watch(void) {
    WATCHDOG_LOAD = WATCHDOG_COUNTS;
    WS_REG32(PSM_WDSEL) = PSM_ALL_BUT_CLOCKS; /* what it resets: nothing unless told */
    WS_REG32(WATCHDOG + SET) = 1u << 30;
}

void ws_board_sleep(void) {
    ws_wait_for_interrupt();
}

WS_INTERRUPTS const ws_vector_t ws_interrupts[WS_INTERRUPT_COUNT] = {
    [DMA_INTERRUPT] = dma_interrupt,
    [UART_INTERRUPT] = uart_interrupt,
};
