/* Counting inside Unicorn, in C because a Python hook per block is thirty times slower.

   Unicorn calls `ws_block` at the start of every translated block. The number of Thumb instructions
   in a block is decoded once and added on every visit, to the block's address (so that functions
   can be told apart afterwards), to the total, and through the total to every open scope. An
   instruction in an IT block counts also when its condition fails: the processor fetches it and
   treats it as a NOP.

   A scope is a function whose instructions are counted from its first to its return, callees
   included, and whose output can be copied out of the emulated RAM at that moment, before the
   planner lets another layer overwrite it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef void *engine_t;
typedef int32_t (*emu_stop_t)(engine_t);
typedef int32_t (*reg_read_t)(engine_t, int32_t, void *);

#define MAX_DEPTH 32

typedef struct {
    uint64_t instructions; /* executed in blocks that start here */
    uint32_t size;         /* bytes of the block when it was decoded; 0: not yet */
    uint16_t count;        /* instructions of one visit */
    uint16_t scope;        /* 1 + index of the scope that is entered here, or 0 */
} slot_t;

typedef struct {
    uint64_t instructions;
    uint64_t calls;
    const uint8_t *source; /* copied at the return when not null */
    uint8_t *target;
    uint64_t bytes;
} scope_t;

typedef struct {
    uint64_t start;
    uint32_t back; /* return address */
    uint32_t stack;
    uint32_t scope;
} frame_t;

typedef struct {
    /* The head is read and written by Python: see `_Head` in counting.py. */
    uint64_t total;
    uint64_t limit;     /* stop when total exceeds it */
    uint64_t bound;     /* stop when total reaches it: beyond the limit, or at an event */
    uint64_t elsewhere; /* instructions outside the counted code */
    uint32_t stopped;   /* 1: limit, 2: division by zero, 3: scopes too deep, 4: event */
    uint32_t trap_zero; /* CCR.DIV_0_TRP */
    uint32_t masked;    /* something is pending that only a mask keeps back */
    uint32_t lowest;    /* of the stack pointers seen at scope entries; unused stack: painting */
    uint32_t depth;
    /* from here on private */
    slot_t *slots;
    scope_t *scopes;
    const uint8_t *code;
    uint32_t base;
    uint32_t bytes;
    uint32_t scope_count;
    emu_stop_t stop;
    reg_read_t read;
    int32_t reg_sp;
    int32_t reg_lr;
    int32_t reg_r0;
    frame_t open[MAX_DEPTH];
} counter_t;

/* Armv7-M ARM A5.1: a first halfword of 0b11101, 0b11110 or 0b11111 has a second. */
static uint32_t thumb_count(const uint8_t *code, uint32_t size) {
    uint32_t count = 0;
    uint32_t at = 0;
    while (at < size) {
        at += (code[at + 1] >> 3) >= 0x1Du ? 4u : 2u;
        count++;
    }
    return count;
}

counter_t *ws_counter_new(const uint8_t *code, uint32_t base, uint32_t bytes, uint32_t scopes,
                          void *stop, void *read, int32_t reg_sp, int32_t reg_lr, int32_t reg_r0) {
    counter_t *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->slots = calloc(bytes / 2 + 1, sizeof *c->slots);
    c->scopes = calloc((size_t)scopes + 1, sizeof *c->scopes);
    if (c->slots == NULL || c->scopes == NULL) {
        free(c->slots);
        free(c->scopes);
        free(c);
        return NULL;
    }
    c->code = code;
    c->base = base;
    c->bytes = bytes;
    c->scope_count = scopes;
    memcpy(&c->stop, &stop, sizeof stop);
    memcpy(&c->read, &read, sizeof read);
    c->reg_sp = reg_sp;
    c->reg_lr = reg_lr;
    c->reg_r0 = reg_r0;
    c->limit = UINT64_MAX;
    c->bound = UINT64_MAX;
    return c;
}

void ws_counter_free(counter_t *c) {
    if (c != NULL) {
        free(c->slots);
        free(c->scopes);
        free(c);
    }
}

/* Forget all counts; scopes stay. */
void ws_counter_clear(counter_t *c) {
    for (uint32_t i = 0; i <= c->bytes / 2; i++) {
        c->slots[i].instructions = 0;
    }
    for (uint32_t i = 0; i < c->scope_count; i++) {
        c->scopes[i].instructions = 0;
        c->scopes[i].calls = 0;
    }
    c->total = 0;
    c->elsewhere = 0;
    c->depth = 0;
    c->stopped = 0;
}

/* Make scope `index` begin at `address`; returns 0 when that is outside the counted code. */
int32_t ws_scope(counter_t *c, uint32_t index, uint32_t address, const uint8_t *source,
                 uint8_t *target, uint64_t bytes) {
    uint32_t offset = address - c->base;
    if (index >= c->scope_count || offset >= c->bytes) {
        return 0;
    }
    c->slots[offset / 2].scope = (uint16_t)(index + 1);
    c->scopes[index].source = source;
    c->scopes[index].target = target;
    c->scopes[index].bytes = bytes;
    return 1;
}

/* Instructions and calls of every scope, and instructions by halfword of code. */
void ws_scope_counts(const counter_t *c, uint64_t *instructions, uint64_t *calls) {
    for (uint32_t i = 0; i < c->scope_count; i++) {
        instructions[i] = c->scopes[i].instructions;
        calls[i] = c->scopes[i].calls;
    }
}

void ws_slot_counts(const counter_t *c, uint64_t *instructions) {
    for (uint32_t i = 0; i < c->bytes / 2; i++) {
        instructions[i] = c->slots[i].instructions;
    }
}

static void close_top(counter_t *c) {
    c->depth--;
    const frame_t *frame = &c->open[c->depth];
    scope_t *scope = &c->scopes[frame->scope];
    scope->instructions += c->total - frame->start;
    if (scope->source != NULL) {
        memcpy(scope->target, scope->source, scope->bytes);
    }
}

/* A run ended at the return address of its first call: no block hook saw that. */
void ws_close_scopes(counter_t *c) {
    while (c->depth > 0) {
        close_top(c);
    }
}

/* A run was broken off: whatever is open never returned. */
void ws_drop_scopes(counter_t *c) {
    c->depth = 0;
}

static uint32_t reg(const counter_t *c, engine_t uc, int32_t id) {
    uint32_t value = 0;
    (void)c->read(uc, id, &value);
    return value;
}

static void enter(counter_t *c, engine_t uc, uint32_t index) {
    uint32_t back = reg(c, uc, c->reg_lr) & ~1u;
    uint32_t stack = reg(c, uc, c->reg_sp);
    if (c->depth > 0) {
        const frame_t *top = &c->open[c->depth - 1];
        if (top->scope == index && top->back == back && top->stack == stack) {
            return; /* a loop whose head is the function's first instruction */
        }
    }
    if (c->depth == MAX_DEPTH) {
        c->stopped = 3;
        (void)c->stop(uc);
        return;
    }
    c->open[c->depth].start = c->total;
    c->open[c->depth].back = back;
    c->open[c->depth].stack = stack;
    c->open[c->depth].scope = index;
    c->depth++;
    c->scopes[index].calls++;
}

void ws_block(engine_t uc, uint64_t address, uint32_t size, void *user) {
    counter_t *c = user;
    uint32_t offset = (uint32_t)address - c->base;
    if (c->total >= c->bound) {
        /* The block is not executed now; it is counted when the machine goes on. */
        c->stopped = c->total > c->limit ? 1 : 4;
        (void)c->stop(uc);
        return;
    }
    /* Tail calls make several scopes return to one address. */
    while (c->depth > 0 && c->open[c->depth - 1].back == (uint32_t)address &&
           reg(c, uc, c->reg_sp) == c->open[c->depth - 1].stack) {
        close_top(c);
    }
    if (offset >= c->bytes || size > c->bytes - offset) {
        /* Code in RAM: not decoded, counted at two bytes each, and told apart. */
        c->elsewhere += size / 2;
        c->total += size / 2;
    } else {
        slot_t *slot = &c->slots[offset / 2];
        if (slot->size != size) {
            slot->size = size;
            slot->count = (uint16_t)thumb_count(c->code + offset, size);
        }
        if (slot->scope != 0) {
            enter(c, uc, slot->scope - 1u);
        }
        slot->instructions += slot->count;
        c->total += slot->count;
    }
}

/* Called before every UDIV and SDIV: Unicorn gives 0 for a division by zero and never faults. */
void ws_divide(engine_t uc, uint64_t address, uint32_t size, void *user) {
    counter_t *c = user;
    (void)size;
    if (c->trap_zero == 0) {
        return;
    }
    const uint8_t *code = c->code + ((uint32_t)address - c->base);
    uint32_t divisor = code[2] & 15u; /* A7.7.127 SDIV: Rm is in bits 3:0 of the second halfword */
    int32_t id = divisor == 13   ? c->reg_sp
                 : divisor == 14 ? c->reg_lr
                                 : c->reg_r0 + (int32_t)divisor;
    if (reg(c, uc, id) == 0) {
        c->stopped = 2;
        (void)c->stop(uc);
    }
}

/* Called before every instruction that may change a mask: such a one ends its block, and what waits
   is looked at before the next. */
void ws_unmask(engine_t uc, uint64_t address, uint32_t size, void *user) {
    counter_t *c = user;
    (void)uc;
    (void)address;
    (void)size;
    if (c->masked != 0) {
        c->bound = 0;
    }
}
