/*
 * What C++ and newlib look for outside of themselves. None of it is ever needed while all goes
 * well: there is no heap, no file and no exit, and whoever asks for one is told and stopped by a
 * fault, which the fault handler reports with the place.
 */
#include <stddef.h>
#include <stdint.h>

#include "ws_text.h"

struct _reent; /* newlib's state of one thread */

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *memory, size_t size);
void free(void *memory);
void *_malloc_r(struct _reent *state, size_t size);
void *_calloc_r(struct _reent *state, size_t count, size_t size);
void *_realloc_r(struct _reent *state, void *memory, size_t size);
void _free_r(struct _reent *state, void *memory);
void abort(void);
void __assert_func(const char *file, int line, const char *function, const char *condition);
void __cxa_pure_virtual(void);

__attribute__((noreturn)) static void stop(const char *what) {
    ws_put_text("\nerror TFLite Micro must not need ");
    ws_put_text(what);
    ws_put_text("\n");
    __builtin_trap();
}

void *malloc(size_t size) {
    (void)size;
    stop("a heap");
}

void *calloc(size_t count, size_t size) {
    (void)count;
    (void)size;
    stop("a heap");
}

void *realloc(void *memory, size_t size) {
    (void)memory;
    (void)size;
    stop("a heap");
}

void free(void *memory) {
    if (memory != NULL) {
        stop("a heap");
    }
}

void *_malloc_r(struct _reent *state, size_t size) {
    (void)state;
    return malloc(size);
}

void *_calloc_r(struct _reent *state, size_t count, size_t size) {
    (void)state;
    return calloc(count, size);
}

void *_realloc_r(struct _reent *state, void *memory, size_t size) {
    (void)state;
    return realloc(memory, size);
}

void _free_r(struct _reent *state, void *memory) {
    (void)state;
    free(memory);
}

__attribute__((noreturn)) void abort(void) {
    stop("abort: one of its own checks failed");
}

__attribute__((noreturn)) void __assert_func(const char *file, int line, const char *function,
                                             const char *condition) {
    (void)function;
    ws_put_text("\nerror TFLite Micro's check failed: ");
    ws_put_text(condition);
    ws_put_text(", ");
    ws_put_text(file);
    ws_put_text(":");
    ws_put_signed(line);
    ws_put_text("\n");
    __builtin_trap();
}

void __cxa_pure_virtual(void) {
    stop("a function that no class defines");
}
