/* Every fault ends here: its registers are written to the console, then the processor stops.

   The first thing the entry does is to leave the stack, which may be what went wrong. */
#include "ws_cortexm.h"
#include "ws_text.h"
#include "ws_vectors.h"

#define FAULT_STACK_WORDS 64
#define STKOF (1u << 20)

void ws_fault_entry(void);
void ws_fault_report(const uint32_t *frame);

uint32_t ws_fault_stack[FAULT_STACK_WORDS] __attribute__((aligned(8)));

/* B1.5.6: on entry the main stack pointer points to r0-r3, r12, lr, pc, xpsr. */
__attribute__((naked, used)) void ws_fault_entry(void) {
    __asm volatile("mrs r0, msp\n\t"
                   "ldr r1, =ws_fault_stack + %c0\n\t"
                   "mov sp, r1\n\t"
                   "bl ws_fault_report\n\t"
                   "bl ws_fault_halt\n\t"
                   ".ltorg"
                   :
                   : "i"(FAULT_STACK_WORDS * 4));
}

static void put_register(const char *name, uint32_t value) {
    ws_put_text(name);
    ws_put_hex(value);
}

static const char *kind(uint32_t exception) {
    switch (exception) {
    case 2:
        return "NMI";
    case 3:
        return "HardFault";
    case 4:
        return "MemManage";
    case 5:
        return "BusFault";
    case 6:
        return "UsageFault";
    case 7:
        return "SecureFault";
    default:
        return "unexpected exception";
    }
}

__attribute__((used)) void ws_fault_report(const uint32_t *frame) {
    ws_put_text("\nfault ");
    ws_put_text(kind(WS_SCB_ICSR & 0x1FFu));
#if __ARM_ARCH >= 7
    put_register(" cfsr=", WS_SCB_CFSR);
    put_register(" hfsr=", WS_SCB_HFSR);
    put_register(" mmfar=", WS_SCB_MMFAR);
    put_register(" bfar=", WS_SCB_BFAR);
#endif
#if __ARM_ARCH >= 8
    put_register(" sfsr=", WS_SAU_SFSR);
    put_register(" sfar=", WS_SAU_SFAR);
    const int pushed = (WS_SCB_CFSR & STKOF) == 0;
#else
    const int pushed = 1;
#endif
    /* The frame is only worth reading when it was pushed, into the stack's own memory. */
    if (pushed && frame >= __stack_limit && frame + 8 <= __stack_top) {
        put_register("\nfault r0=", frame[0]);
        put_register(" r1=", frame[1]);
        put_register(" r2=", frame[2]);
        put_register(" r3=", frame[3]);
        put_register(" r12=", frame[4]);
        put_register("\nfault lr=", frame[5]);
        put_register(" pc=", frame[6]);
        put_register(" xpsr=", frame[7]);
        ws_put_text("\n");
    } else {
        ws_put_text("\nfault stack overflow\n");
    }
}

__attribute__((noinline, used, noreturn)) void ws_fault_halt(void) {
    for (;;) {
        __asm volatile("nop");
    }
}
