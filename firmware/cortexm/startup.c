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

/* B1.5.3 "The vector table", without the board's interrupts: see ws_vectors.h. Armv6-M has fewer
   exceptions; entries for those it lacks are never looked at. */
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
        ws_fault_entry, /* 7 SecureFault (Armv8-M) */
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
    WS_SCB_VTOR = (uint32_t)(uintptr_t)&vectors;
    WS_SCB_SHCSR |= 7u << 16; /* MemManage, BusFault, UsageFault */
    WS_SCB_CCR |= 1u << 4;    /* a division by zero faults instead of giving 0 */
#endif
#if __ARM_ARCH >= 8
    WS_SCB_SHCSR |= 1u << 19; /* SecureFault */
#endif
    ws_stack_guard();
    ws_board_init();
    (void)main();
    for (;;) {
    }
}
