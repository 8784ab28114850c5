/* From the reset vector to main: vector table, stack paint, FPU, data and bss. */
#include <string.h>
#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_vectors.h"

extern uint32_t __data_load[];
extern uint32_t __data_start[];
extern uint32_t __data_end[];
extern uint32_t __bss_start[];
extern uint32_t __bss_end[];

int main(void);
void Reset_Handler(void);
void ws_fault_entry(void);

/* B1.5.3 "The vector table", without the board's interrupts: see ws_vectors.h. */
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack_top;
    ws_vector_t exceptions[15];
} vectors = {
    __stack_top,
    {
        Reset_Handler,
        ws_fault_entry, /* 2 NMI */
        ws_fault_entry, /* 3 HardFault */
        ws_fault_entry, /* 4 MemManage */
        ws_fault_entry, /* 5 BusFault */
        ws_fault_entry, /* 6 UsageFault */
        0,
        0,
        0,
        0,
        ws_fault_entry, /* 11 SVCall */
        ws_fault_entry, /* 12 DebugMonitor */
        0,
        ws_fault_entry, /* 14 PendSV */
        SysTick_Handler,
    },
};

#if __ARM_ARCH == 7
/* Armv7-M ARM B3.5: region 0 forbids every access to the bytes below the stack, so that an overflow
   faults even where the board has something there. All else stays as it is without an MPU. */
static void guard_stack(void) {
    const uint32_t log2_size = 10; /* 1 kB: the stack's end is aligned to that on all boards */
    WS_MPU_RNR = 0;
    WS_MPU_RBAR = (uint32_t)(uintptr_t)__stack_limit - (1u << log2_size);
    WS_MPU_RASR = 1u << 28 | (log2_size - 1u) << 1 | 1u; /* XN, AP 000: no access, enable */
    WS_MPU_CTRL = 1u << 2 | 1u;
    __asm volatile("dsb\n\tisb" ::: "memory");
}
#endif

__attribute__((noreturn, used)) void Reset_Handler(void) {
    /* Paint what lies below the stack pointer; nothing is called, so nothing of it is in use. */
    volatile uint32_t *stack_pointer;
    __asm volatile("mov %0, sp" : "=r"(stack_pointer));
    for (volatile uint32_t *word = __stack_limit; word < stack_pointer; word++) {
        *word = WS_STACK_PAINT;
    }
#if defined(__ARM_FP)
    WS_SCB_CPACR |= 0xFu << 20;
    __asm volatile("dsb\n\tisb" ::: "memory");
#endif
    memcpy(__data_start, __data_load, (size_t)((uintptr_t)__data_end - (uintptr_t)__data_start));
    memset(__bss_start, 0, (size_t)((uintptr_t)__bss_end - (uintptr_t)__bss_start));
#if __ARM_ARCH >= 7
    WS_SCB_SHCSR |= 7u << 16; /* MemManage, BusFault, UsageFault */
    WS_SCB_CCR |= 1u << 4;    /* a division by zero faults instead of giving 0 */
#endif
#if __ARM_ARCH == 7
    guard_stack();
#endif
    ws_board_init();
    (void)main();
    for (;;) {
    }
}

uint32_t ws_stack_used(void) {
    const volatile uint32_t *word = __stack_limit;
    while (word < __stack_top && *word == WS_STACK_PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)__stack_top - (uintptr_t)word);
}
