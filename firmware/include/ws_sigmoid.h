/*
 * Sigmoid and hyperbolic tangent of 16 bits, to Q0.15: one table of the sigmoid in Q0.16 for
 * arguments of 0, 1/24, ... 255/24, and a straight line between its entries. Both functions are odd
 * around their middle, and tanh(x) = 2 sigmoid(2 x) - 1. The C side of convert/gate_tables.py.
 */
#ifndef WS_SIGMOID_H
#define WS_SIGMOID_H

#include <stdint.h>

#define WS_SIGMOID_LAST 255

/* The table at magnitude / 2^bits, with `bits` more fractional bits; only before its end. */
static inline int32_t ws_interpolate(const uint16_t *table, int32_t magnitude, int32_t bits) {
    const int32_t place = magnitude >> bits;
    const int32_t rest = magnitude & ((1 << bits) - 1);
    return ((int32_t)table[place] << bits) + rest * (table[place + 1] - table[place]);
}

/* x * multiplier / 2^shift to the nearest integer, halves upwards; the product fits 31 bits. */
static inline int32_t ws_sigmoid_argument(int32_t x, int32_t multiplier, int32_t shift) {
    return (x * multiplier + (shift > 0 ? 1 << (shift - 1) : 0)) >> shift;
}

/* The argument is in steps of 1/24 / 2^9. */
static inline int32_t ws_sigmoid(const uint16_t *table, int32_t argument) {
    const int32_t magnitude = argument < 0 ? -argument : argument;
    int32_t value = INT16_MAX << 10;
    if (magnitude >> 9 < WS_SIGMOID_LAST) {
        value = ws_interpolate(table, magnitude, 9);
    }
    if (argument < 0) {
        value = (1 << 25) - 1 - value;
    }
    return (value + (1 << 9)) >> 10;
}

/* The argument is in steps of 1/48 / 2^8. */
static inline int32_t ws_tanh(const uint16_t *table, int32_t argument) {
    const int32_t magnitude = argument < 0 ? -argument : argument;
    int32_t value = UINT16_MAX << 8;
    if (magnitude >> 8 < WS_SIGMOID_LAST) {
        value = ws_interpolate(table, magnitude, 8);
    }
    value -= 1 << 23;
    if (argument < 0) {
        value = -1 - value;
    }
    return (value + (1 << 7)) >> 8;
}

#endif /* WS_SIGMOID_H */
