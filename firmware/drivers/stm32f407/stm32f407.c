/* STM32F407: clocks, console on USART2, PDM microphone at I2S2, LED.

   Sections are those of reference manual RM0090; alternate functions are in the datasheet's table 9
   (DocID022152). Pins are those of the STM32F407G-DISC1 (UM1472). */
#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_pdm.h"
#include "ws_vectors.h"

/* 7.3 "RCC registers" */
#define RCC_CR WS_REG32(0x40023800u)
#define RCC_PLLCFGR WS_REG32(0x40023804u)
#define RCC_CFGR WS_REG32(0x40023808u)
#define RCC_AHB1ENR WS_REG32(0x40023830u)
#define RCC_APB1ENR WS_REG32(0x40023840u)
#define RCC_PLLI2SCFGR WS_REG32(0x40023884u)
#define FLASH_ACR WS_REG32(0x40023C00u) /* 3.9.1 */

/* 8.4 "GPIO registers" */
#define GPIO_A 0x40020000u
#define GPIO_B 0x40020400u
#define GPIO_C 0x40020800u
#define GPIO_D 0x40020C00u
#define GPIO_MODER(port) WS_REG32((port) + 0x00u) /* 1 output, 2 alternate function */
#define GPIO_BSRR(port) WS_REG32((port) + 0x18u)
#define GPIO_AFR(port, pin) WS_REG32((port) + 0x20u + 4u * ((pin) / 8u))
#define PIN_TXD 2u  /* PA2, USART2_TX, AF7 */
#define PIN_RXD 3u  /* PA3, USART2_RX, AF7 */
#define PIN_CK 10u  /* PB10, I2S2_CK, AF5: the microphone's clock */
#define PIN_SD 3u   /* PC3, I2S2_SD, AF5: its data */
#define PIN_LED 12u /* PD12, green */

/* 30.6 "USART registers" */
#define USART_SR WS_REG32(WS_CONSOLE_UART + 0x00u) /* bit 7 TXE, bit 5 RXNE, bit 3 ORE */
#define USART_DR WS_REG32(WS_CONSOLE_UART + 0x04u)
#define USART_BRR WS_REG32(WS_CONSOLE_UART + 0x08u)
#define USART_CR1 WS_REG32(WS_CONSOLE_UART + 0x0Cu)
#define USART2_INTERRUPT 38u
#define BAUD 115200u

/* 28.5 "SPI and I2S registers" of SPI2 */
#define SPI2_CR2 WS_REG32(0x40003804u) /* bit 0 RXDMAEN */
#define SPI2_DR_ADDRESS 0x4000380Cu
#define SPI2_I2SCFGR WS_REG32(0x4000381Cu)
#define SPI2_I2SPR WS_REG32(0x40003820u)

/* 10.5 "DMA registers": stream 3 of DMA1, channel 0, is SPI2_RX (table 42) */
#define DMA1_LISR WS_REG32(0x40026000u) /* bit 27 TCIF3 */
#define DMA1_LIFCR WS_REG32(0x40026008u)
#define DMA_CR WS_REG32(0x40026058u)
#define DMA_NDTR WS_REG32(0x4002605Cu)
#define DMA_PAR WS_REG32(0x40026060u)
#define DMA_M0AR WS_REG32(0x40026064u)
#define DMA_M1AR WS_REG32(0x40026068u)
#define DMA_INTERRUPT 14u
#define DMA_FLAGS (0x3Du << 22)

/* 18.4 "TIM2 to TIM5 registers" */
#define TIM2_CR1 WS_REG32(0x40000000u)
#define TIM2_EGR WS_REG32(0x40000014u)
#define TIM2_CNT WS_REG32(0x40000024u)
#define TIM2_PSC WS_REG32(0x40000028u)
#define TIM2_ARR WS_REG32(0x4000002Cu)

#define PATIENCE 100000u /* turns; a crystal takes some milliseconds */
#define BLOCK 160u       /* samples: 10 ms */
#define BLOCK_US 10000u

static volatile uint16_t blocks[2][BLOCK * WS_PDM_WORDS];
static int16_t pcm[BLOCK];
static ws_pdm_t filter;
static uint32_t began; /* microseconds */
static uint32_t heard; /* blocks that were dealt with since */

static int wait_for(volatile uint32_t *where, uint32_t mask, uint32_t value) {
    for (uint32_t turn = 0; turn < PATIENCE; turn++) {
        if ((*where & mask) == value) {
            return 1;
        }
    }
    return 0;
}

/* 7.2: crystal 8 MHz, PLL 8 / 8 * 336 / 2 = 168 MHz; APB1 42, APB2 84 MHz. Without a crystal the
   chip stays at its own 16 MHz: the console then works, and all else is too slow. */
static uint32_t start_clocks(void) {
    RCC_CR |= 1u << 16;
    if (!wait_for(&RCC_CR, 1u << 17, 1u << 17)) {
        return 16000000u;
    }
    FLASH_ACR = 7u << 8 | 5u; /* caches, prefetch, five wait states (3.5.1) */
    RCC_PLLCFGR = 7u << 24 | 1u << 22 | 336u << 6 | 8u;
    RCC_CR |= 1u << 24;
    if (!wait_for(&RCC_CR, 1u << 25, 1u << 25)) {
        return 16000000u;
    }
    RCC_CFGR = 4u << 13 | 5u << 10 | 2u;
    return wait_for(&RCC_CFGR, 3u << 2, 2u << 2) ? WS_CLOCK_HZ / 4u : 16000000u;
}

static void alternate(uint32_t port, uint32_t pin, uint32_t function) {
    GPIO_AFR(port, pin) |= function << 4u * (pin % 8u);
    GPIO_MODER(port) |= 2u << 2u * pin;
}

void ws_board_init(void) {
    const uint32_t apb1 = start_clocks();
    RCC_AHB1ENR |= 0xFu | 1u << 21;               /* GPIO A to D, DMA1 */
    RCC_APB1ENR |= 1u << 0 | 1u << 14 | 1u << 17; /* TIM2, SPI2, USART2 */
    alternate(GPIO_A, PIN_TXD, 7u);
    alternate(GPIO_A, PIN_RXD, 7u);
    GPIO_MODER(GPIO_D) |= 1u << 2u * PIN_LED;
    USART_BRR = (apb1 + BAUD / 2u) / BAUD;
    USART_CR1 = 1u << 13 | 1u << 5 | 1u << 3 | 1u << 2; /* on, RXNE interrupts, both ways */
    ws_enable_interrupt(USART2_INTERRUPT);
    /* Timers run at twice their bus (7.2, "TIMxCLK"). TIM2 counts microseconds. */
    TIM2_PSC = 2u * apb1 / 1000000u - 1u;
    TIM2_ARR = UINT32_MAX;
    TIM2_EGR = 1u;
    TIM2_CR1 = 1u;
    ws_clock_start();
}

static void usart_interrupt(void) {
    if ((USART_SR & (1u << 5 | 1u << 3)) != 0) { /* reading both clears both */
        ws_board_received((uint8_t)USART_DR);
    }
}

void ws_board_put(uint8_t byte) {
    while ((USART_SR & 1u << 7) == 0) {
    }
    USART_DR = byte;
}

void ws_board_led(int on) {
    GPIO_BSRR(GPIO_D) = 1u << (PIN_LED + (on ? 0u : 16u));
}

/* 28.4.4: PLLI2S 8 MHz / 8 * 256 / 2 = 128 MHz; divided by 2 * 62 + 1 = 125 that is 1.024 MHz, the
   microphone's clock. Frames of 16 bits are just bits in a row here. */
int ws_board_listen(void) {
    RCC_PLLI2SCFGR = 2u << 28 | 256u << 6;
    RCC_CR |= 1u << 26;
    if (!wait_for(&RCC_CR, 1u << 27, 1u << 27)) {
        return 0;
    }
    alternate(GPIO_B, PIN_CK, 5u);
    alternate(GPIO_C, PIN_SD, 5u);
    ws_pdm_init(&filter);
    DMA1_LIFCR = DMA_FLAGS;
    DMA_PAR = SPI2_DR_ADDRESS;
    DMA_M0AR = (uint32_t)(uintptr_t)blocks[0];
    DMA_M1AR = (uint32_t)(uintptr_t)blocks[1];
    DMA_NDTR = BLOCK * WS_PDM_WORDS;
    /* DBM, halfwords, MINC, CIRC, interrupt at the end of a block (10.3.9 "Double buffer mode") */
    DMA_CR = 1u << 18 | 1u << 13 | 1u << 11 | 1u << 10 | 1u << 8 | 1u << 4;
    DMA_CR |= 1u;
    ws_enable_interrupt(DMA_INTERRUPT);
    SPI2_CR2 = 1u;
    SPI2_I2SPR = 1u << 8 | 62u;
    SPI2_I2SCFGR = 1u << 11 | 3u << 8 | 1u << 4; /* I2S, master that receives, left-justified */
    heard = 0;
    began = TIM2_CNT;
    SPI2_I2SCFGR |= 1u << 10;
    return 1;
}

void ws_board_mute(void) {
    SPI2_I2SCFGR &= ~(1u << 10);
    SPI2_CR2 = 0;
    DMA_CR &= ~(1u | 1u << 4);
    while ((DMA_CR & 1u) != 0) {
    }
    DMA1_LIFCR = DMA_FLAGS;
}

/* Timer and I2S share the crystal, so the time says how many blocks there were. The last of them is
   whole; those before it have been written over, or are about to be. */
static void dma_interrupt(void) {
    DMA1_LIFCR = DMA_FLAGS;
    const uint32_t ended = (TIM2_CNT - began) / BLOCK_US - heard;
    if (ended == 0) {
        return;
    }
    heard += ended;
    if (ended > 1u) {
        ws_capture_lost((ended - 1u) * BLOCK);
        ws_pdm_init(&filter);
    }
    ws_pdm_run(&filter, blocks[(heard - 1u) & 1u], BLOCK, pcm);
    ws_capture_put(pcm, BLOCK);
}

void ws_board_sleep(void) {
    ws_wait_for_interrupt();
}

WS_INTERRUPTS const ws_vector_t ws_interrupts[WS_INTERRUPT_COUNT] = {
    [DMA_INTERRUPT] = dma_interrupt,
    [USART2_INTERRUPT] = usart_interrupt,
};
