/* STM32L4R5: clocks, console on LPUART1, LED, cycle counter. No microphone.

   Chapters are those of reference manual RM0432; alternate functions are in the datasheet's table
   "Alternate function AF8 to AF15" (DS12023). Pins are those of the NUCLEO-L4R5ZI (UM2179). */
#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_vectors.h"

/* "Reset and clock control (RCC)", its registers */
#define RCC_CR WS_REG32(0x40021000u)   /* bit 25 PLLRDY, 24 PLLON, 7:4 MSIRANGE */
#define RCC_CFGR WS_REG32(0x40021008u) /* bits 7:4 HPRE, 3:2 SWS, 1:0 SW */
#define RCC_PLLCFGR WS_REG32(0x4002100Cu)
#define RCC_AHB2ENR WS_REG32(0x4002104Cu)
#define RCC_APB1ENR1 WS_REG32(0x40021058u) /* bit 28 PWREN */
#define RCC_APB1ENR2 WS_REG32(0x4002105Cu) /* bit 0 LPUART1EN */

/* "Embedded Flash memory (FLASH)", FLASH_ACR */
#define FLASH_ACR WS_REG32(0x40022000u) /* bits 10:8 caches and prefetch, 3:0 wait states */

/* "Power control (PWR)", its registers */
#define PWR_CR2 WS_REG32(0x40007004u) /* bit 9 IOSV */
#define PWR_SR2 WS_REG32(0x40007014u) /* bit 10 VOSF */
#define PWR_CR5 WS_REG32(0x40007080u) /* bit 8 R1MODE: 0 is boost */

/* "General-purpose I/Os (GPIO)", its registers */
#define GPIO_B 0x48000400u
#define GPIO_G 0x48001800u
#define GPIO_MODER(port)                                                                           \
    WS_REG32((port) + 0x00u) /* 3 after reset; 1 output, 2 alternate function */
#define GPIO_BSRR(port) WS_REG32((port) + 0x18u)
#define GPIO_AFR(port, pin) WS_REG32((port) + 0x20u + 4u * ((pin) / 8u))
#define PIN_TXD 7u /* PG7, LPUART1_TX, AF8 */
#define PIN_RXD 8u /* PG8, LPUART1_RX, AF8 */
#define PIN_LED 7u /* PB7, LD2, blue */

/* "Low-power universal asynchronous receiver transmitter (LPUART)", its registers */
#define LPUART_CR1 WS_REG32(WS_CONSOLE_UART + 0x00u) /* bit 5 RXNEIE, 3 TE, 2 RE, 0 UE */
#define LPUART_BRR WS_REG32(WS_CONSOLE_UART + 0x0Cu)
#define LPUART_ISR WS_REG32(WS_CONSOLE_UART + 0x1Cu) /* bit 7 TXE, 5 RXNE, 3 ORE */
#define LPUART_ICR WS_REG32(WS_CONSOLE_UART + 0x20u)
#define LPUART_RDR WS_REG32(WS_CONSOLE_UART + 0x24u)
#define LPUART_TDR WS_REG32(WS_CONSOLE_UART + 0x28u)
#define LPUART_INTERRUPT 70u
#define BAUD 115200u

/* Armv7-M ARM (DDI 0403), C1.6.5 and C1.8 */
#define DEMCR WS_REG32(0xE000EDFCu) /* bit 24 TRCENA */
#define DWT_CTRL WS_REG32(0xE0001000u)
#define DWT_CYCCNT WS_REG32(0xE0001004u)
#define SYSTICK_MASK 0xFFFFFFu

static uint32_t slept; /* cycles that DWT_CYCCNT did not count */

/* MSI 4 MHz / 1 * 60 / 2 = 120 MHz. Beyond 80 MHz the chip must be in range 1 boost mode, and the
   core must run at half the speed around the change ("Dynamic voltage scaling management"). */
static void start_clocks(void) {
    RCC_APB1ENR1 |= 1u << 28;
    (void)RCC_APB1ENR1; /* a write to the power control would come too early otherwise */
    while ((PWR_SR2 & 1u << 10) != 0) {
    }
    PWR_CR5 &= ~(1u << 8);
    FLASH_ACR = 7u << 8 | 5u;
    while ((FLASH_ACR & 15u) != 5u) {
    }
    RCC_PLLCFGR = 1u << 24 | 60u << 8 | 1u; /* R is 2 and goes out, N 60, M 1, from MSI */
    RCC_CR |= 1u << 24;
    while ((RCC_CR & 1u << 25) == 0) {
    }
    RCC_CFGR = 8u << 4 | 3u;
    while ((RCC_CFGR & 3u << 2) != 3u << 2) {
    }
    for (volatile uint32_t turn = 0; turn < 60u; turn++) { /* 1 us and more */
    }
    RCC_CFGR = 3u;
}

static void alternate(uint32_t port, uint32_t pin, uint32_t function) {
    GPIO_AFR(port, pin) |= function << 4u * (pin % 8u);
    GPIO_MODER(port) &= ~(1u << 2u * pin);
}

void ws_board_init(void) {
    start_clocks();
    RCC_AHB2ENR |= 1u << 1 | 1u << 6; /* GPIO B and G */
    RCC_APB1ENR2 |= 1u;
    (void)RCC_APB1ENR2;
    PWR_CR2 |= 1u << 9; /* PG2 to PG15 are behind VDDIO2, which must be declared valid */
    alternate(GPIO_G, PIN_TXD, 8u);
    alternate(GPIO_G, PIN_RXD, 8u);
    GPIO_MODER(GPIO_B) &= ~(2u << 2u * PIN_LED);
    /* 256 * clock / baud, rounded ("LPUART baud rate generation"); PCLK1 is the core's clock. */
    LPUART_BRR = (uint32_t)((256ull * WS_CLOCK_HZ + BAUD / 2u) / BAUD);
    LPUART_CR1 = 1u << 5 | 1u << 3 | 1u << 2 | 1u;
    ws_enable_interrupt(LPUART_INTERRUPT);
    DEMCR |= 1u << 24;
    DWT_CYCCNT = 0;
    DWT_CTRL |= 1u;
    ws_clock_start();
}

static void uart_interrupt(void) {
    LPUART_ICR = 1u << 3; /* an overrun would interrupt for ever */
    if ((LPUART_ISR & 1u << 5) != 0) {
        ws_board_received((uint8_t)LPUART_RDR);
    }
}

void ws_board_put(uint8_t byte) {
    while ((LPUART_ISR & 1u << 7) == 0) {
    }
    LPUART_TDR = byte;
}

void ws_board_led(int on) {
    GPIO_BSRR(GPIO_B) = 1u << (PIN_LED + (on ? 0u : 16u));
}

uint32_t ws_board_cycles(void) {
    return DWT_CYCCNT + slept;
}

/* SysTick goes on in sleep mode ("Sleep mode"), the cycle counter need not: what it misses is made
   up for. Interrupts are masked here, so nobody looks in between. */
void ws_board_sleep(void) {
    const uint32_t ticks = WS_SYST_CVR, counted = DWT_CYCCNT;
    ws_wait_for_interrupt();
    const uint32_t passed = (ticks - WS_SYST_CVR) & SYSTICK_MASK;
    const uint32_t seen = (DWT_CYCCNT - counted) & SYSTICK_MASK;
    if (passed > seen) {
        slept += passed - seen;
    }
}

WS_INTERRUPTS const ws_vector_t ws_interrupts[WS_INTERRUPT_COUNT] = {
    [LPUART_INTERRUPT] = uart_interrupt,
};
