/* What keeps a stack overflow from going unnoticed.

   The stack lies at the start of the RAM on every board, so an overflow meets no data; what it
   meets differs. Armv8-M has a stack limit register. Armv7-M forbids the bytes below with its MPU.
   Armv6-M has neither: where nothing answers below the RAM there is a HardFault (or, when the fault
   cannot be stacked, a lockup), and ws_stack_check finds out what came close. */
#include "ws_cortexm.h"
#include "ws_text.h"

#define UNUSED_WORDS 8 /* at the end of the stack; no good firmware comes that far */

#if __ARM_ARCH >= 8
/* Armv8-M ARM B3.21: a push below the limit is a UsageFault with STKOF. */
void ws_stack_guard(void) {
    __asm volatile("msr msplim, %0\n\tisb" : : "r"(__stack_limit) : "memory");
}
#elif __ARM_ARCH == 7
/* Armv7-M ARM B3.5: region 0 forbids every access to the bytes below the stack, so that an overflow
   faults even where the board has something there. All else stays as it is without an MPU. */
void ws_stack_guard(void) {
    const uint32_t log2_size = 10; /* 1 kB: the stack's end is aligned to that on all boards */
    WS_MPU_RNR = 0;
    WS_MPU_RBAR = (uint32_t)(uintptr_t)__stack_limit - (1u << log2_size);
    WS_MPU_RASR = 1u << 28 | (log2_size - 1u) << 1 | 1u; /* XN, AP 000: no access, enable */
    WS_MPU_CTRL = 1u << 2 | 1u;
    __asm volatile("dsb\n\tisb" ::: "memory");
}
#else
void ws_stack_guard(void) {
}
#endif

uint32_t ws_stack_used(void) {
    const volatile uint32_t *word = __stack_limit;
    while (word < __stack_top && *word == WS_STACK_PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)__stack_top - (uintptr_t)word);
}

void ws_stack_check(void) {
    const volatile uint32_t *word = __stack_limit;
    for (uint32_t i = 0; i < UNUSED_WORDS; i++) {
        if (word[i] != WS_STACK_PAINT) {
            ws_put_text("\nfault stack overflow\n");
            ws_fault_halt();
        }
    }
}
