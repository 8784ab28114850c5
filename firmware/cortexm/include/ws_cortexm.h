/* Registers of the Cortex-M system control space, and what start-up offers.

   Addresses and bits: Armv7-M Architecture Reference Manual (DDI 0403), B3.2 "System Control
   Space" and B3.3 "SysTick"; those that only Armv8-M has: its manual (DDI 0553), D1.2. Armv6-M
   (DDI 0419) has SysTick, NVIC_ISER(0) and ICSR only. */
#ifndef WS_CORTEXM_H
#define WS_CORTEXM_H

#include <stdint.h>

#include "ws_entry.h"

#define WS_REG32(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define WS_SYST_CSR WS_REG32(0xE000E010u) /* B3.3.3: bit 16 COUNTFLAG, bit 2 CLKSOURCE */
#define WS_SYST_RVR WS_REG32(0xE000E014u) /* B3.3.4 */
#define WS_SYST_CVR WS_REG32(0xE000E018u) /* B3.3.5 */
#define WS_NVIC_ISER(n) WS_REG32(0xE000E100u + 4u * (n)) /* B3.4.4: ones enable interrupts */
#define WS_SCB_ICSR WS_REG32(0xE000ED04u)                /* B3.2.4: bits 8:0 VECTACTIVE */
#define WS_SCB_VTOR WS_REG32(0xE000ED08u)                /* B3.2.5 */
#define WS_SCB_CCR WS_REG32(0xE000ED14u)                 /* B3.2.8: bit 4 DIV_0_TRP */
#define WS_SCB_SHCSR WS_REG32(0xE000ED24u) /* B3.2.13: bits 16 to 18 enable three faults */
#define WS_SCB_CFSR WS_REG32(0xE000ED28u)  /* B3.2.15; Armv8-M: bit 20 STKOF */
#define WS_SCB_HFSR WS_REG32(0xE000ED2Cu)  /* B3.2.16 */
#define WS_SCB_MMFAR WS_REG32(0xE000ED34u) /* B3.2.18 */
#define WS_SCB_BFAR WS_REG32(0xE000ED38u)  /* B3.2.19 */
#define WS_SCB_CPACR WS_REG32(0xE000ED88u) /* B3.2.20: bits 20 to 23 open the FPU */

#define WS_SAU_SFSR WS_REG32(0xE000EDE4u) /* Armv8-M with security */
#define WS_SAU_SFAR WS_REG32(0xE000EDE8u)

#define WS_MPU_CTRL WS_REG32(0xE000ED94u) /* B3.5.5: bit 0 ENABLE, bit 2 PRIVDEFENA */
#define WS_MPU_RNR WS_REG32(0xE000ED98u)  /* B3.5.6 */
#define WS_MPU_RBAR WS_REG32(0xE000ED9Cu) /* B3.5.7 */
#define WS_MPU_RASR WS_REG32(0xE000EDA0u) /* B3.5.8 */

/* What unused stack holds; the most that was ever used can be read off. */
#define WS_STACK_PAINT 0xC5A5C5A5u

extern uint32_t __stack_limit[];
extern uint32_t __stack_top[];

static inline void ws_enable_interrupt(uint32_t number) {
    WS_NVIC_ISER(number / 32u) = 1u << number % 32u;
}

/* Sleeps until an interrupt is pending, also where it is masked. */
static inline void ws_wait_for_interrupt(void) {
    __asm volatile("dsb\n\twfi" ::: "memory");
}

/* --- guard.c --- */

/* Make the core fault when the stack overflows, as far as it can; start-up calls it. */
void ws_stack_guard(void);

/* Bytes of stack touched since reset. */
uint32_t ws_stack_used(void);

/*
 * Returns when the last words of the stack have never been used; else says so like a fault and
 * halts. For the main loop: cores without a stack limit may have overwritten data before they
 * notice.
 */
void ws_stack_check(void);

/* --- integrity.c --- */

/* CRC-32 of the image as it lies in flash; see docs/SPEC.md. */
uint32_t ws_integrity_crc(void);

/* 1 when that is the CRC that the image was built with, else 0. */
int ws_integrity_ok(void);

/* --- fault.c --- */

/* Where the processor ends up after it reported a fault; emulators stop here. A watchdog that runs
   resets the board from here. */
__attribute__((noreturn)) void ws_fault_halt(void);

#endif
