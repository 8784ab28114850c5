/*
 * Runs generated models on inputs from stdin and writes every layer's output to stdout.
 *
 * cases.inc, made by the test, includes the generated sources and defines the table `cases`. Per
 * case stdin holds a count (int32) and that many clips of `steps` inputs. Each clip is run twice in
 * an arena filled with different bytes first: a kernel that reads what nobody wrote gives two
 * different results. A model of a single layer must leave every byte outside its output, its states
 * and its scratch memory as it was.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int32_t offset;
    int32_t nbytes;
} ws_range;

typedef struct {
    const char *name;
    int8_t *arena;
    int32_t arena_size;
    int32_t layers;
    int32_t input_offset;
    int32_t input_bytes;
    int32_t output_offset;
    int32_t output_bytes;
    int32_t trace_bytes; /* of one step */
    int32_t steps;
    ws_range own[3]; /* states, and scratch memory of a model of one layer */
    void (*init)(void);
    int (*invoke)(void);
} ws_case;

#define WS_OBSERVE observe
#include "cases.inc"

static uint8_t *cursor;

void observe(int32_t layer, const void *output, int32_t nbytes) {
    (void)layer;
    memcpy(cursor, output, (size_t)nbytes);
    cursor += nbytes;
}

static void *allocate(int32_t nbytes) {
    void *memory = malloc(nbytes > 0 ? (size_t)nbytes : 1);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* Take what a layer may write from the arena as it is; everything else must be as before. */
static int same_outside(const ws_case *c, int8_t *before) {
    memcpy(before + c->output_offset, c->arena + c->output_offset, (size_t)c->output_bytes);
    for (size_t i = 0; i < sizeof c->own / sizeof c->own[0]; i++) {
        const ws_range *own = &c->own[i];
        memcpy(before + own->offset, c->arena + own->offset, (size_t)own->nbytes);
    }
    return memcmp(c->arena, before, (size_t)c->arena_size) == 0;
}

/* One clip; 0 when the arena was respected. */
static int run(const ws_case *c, const uint8_t *input, int fill, uint8_t *trace) {
    int8_t *before = allocate(c->arena_size);
    int bad = 0;
    memset(c->arena, fill, (size_t)c->arena_size);
    cursor = trace;
    c->init();
    for (int32_t step = 0; step < c->steps; step++) {
        memcpy(c->arena + c->input_offset, input, (size_t)c->input_bytes);
        input += c->input_bytes;
        memcpy(before, c->arena, (size_t)c->arena_size);
        bad = c->invoke() != 0 || bad;
        bad = (c->layers == 1 && !same_outside(c, before)) || bad;
    }
    free(before);
    return bad || cursor != trace + c->trace_bytes * c->steps;
}

static int run_case(const ws_case *c) {
    int32_t count = 0;
    if (fread(&count, sizeof count, 1, stdin) != 1) {
        return 1;
    }
    const int32_t input_bytes = c->input_bytes * c->steps;
    const int32_t trace_bytes = c->trace_bytes * c->steps;
    uint8_t *input = allocate(input_bytes);
    uint8_t *trace = allocate(trace_bytes);
    uint8_t *again = allocate(trace_bytes);
    int bad = 0;
    for (int32_t i = 0; i < count && !bad; i++) {
        bad = fread(input, (size_t)input_bytes, 1, stdin) != 1;
        bad = bad || run(c, input, 0x55, trace) || run(c, input, 0xAA, again);
        bad = bad || memcmp(trace, again, (size_t)trace_bytes) != 0;
        bad = bad || fwrite(trace, 1, (size_t)trace_bytes, stdout) != (size_t)trace_bytes;
    }
    free(input);
    free(trace);
    free(again);
    return bad;
}

int main(void) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (run_case(&cases[i])) {
            fprintf(stderr, "case %s: short input, or memory outside the output was used\n",
                    cases[i].name);
            return 1;
        }
    }
    return 0;
}
