/*
 * Parts of the Armv6-M assembly of the muls_*.c kernels.
 *
 * Formatting is off: an instruction per line, whatever the macros between them.
 */
#ifndef WS_MULS_ASM_H
#define WS_MULS_ASM_H

#define WS_UNUSED __attribute__((unused))

/* clang-format off */

#define WS_V6M_ENTER                                                                               \
    ".syntax unified\n\t"                                                                          \
    "push {r4-r7, lr}\n\t"                                                                         \
    "mov r4, r8\n\t"                                                                               \
    "mov r5, r9\n\t"                                                                               \
    "mov r6, r10\n\t"                                                                              \
    "mov r7, r11\n\t"                                                                              \
    "push {r4-r7}\n\t"

#define WS_V6M_LEAVE                                                                               \
    "pop {r4-r7}\n\t"                                                                              \
    "mov r8, r4\n\t"                                                                               \
    "mov r9, r5\n\t"                                                                               \
    "mov r10, r6\n\t"                                                                              \
    "mov r11, r7\n\t"                                                                              \
    "pop {r4-r7, pc}\n\t"

/*
 * ws_muls_output in 19 instructions, clamped in 4 to 6: `a` the sum, then its output; b, c, d free;
 * ml and mh low and high half of the multiplier, `shift`, `zero` the zero point; r10 lower bound,
 * r11 upper bound.
 *
 * With sum = 65536 h + l, l as int16, the first rounding is
 *     floor((sum * m + 2^30) / 2^31) = 2 h mh + floor((h ml + l mh + floor(l ml / 65536) + 2^14) / 2^15)
 * as floors of floors are. |h| <= 2^13, so h ml + l mh < 2^29 + 2^30, and nothing leaves 32 bits.
 * Both roundings are shifts that leave a half in the carry, then additions with carry.
 */
#define WS_V6M_OUTPUT(a, b, c, d, ml, mh, shift, zero)                                             \
    "asrs " c ", " a ", #31\n\t"                                                                   \
    "sxth " b ", " a "\n\t"                                                                        \
    "subs " a ", " a ", " b "\n\t"                                                                 \
    "asrs " a ", " a ", #16\n\t"                                                                   \
    "mov " d ", " b "\n\t"                                                                         \
    "muls " d ", " ml ", " d "\n\t"                                                                \
    "asrs " d ", " d ", #16\n\t"                                                                   \
    "muls " b ", " mh ", " b "\n\t"                                                                \
    "adds " b ", " b ", " d "\n\t"                                                                 \
    "mov " d ", " a "\n\t"                                                                         \
    "muls " d ", " ml ", " d "\n\t"                                                                \
    "adds " b ", " b ", " d "\n\t"                                                                 \
    "muls " a ", " mh ", " a "\n\t"                                                                \
    "lsls " a ", " a ", #1\n\t"                                                                    \
    "adds " a ", " a ", " c "\n\t"                                                                 \
    "asrs " b ", " b ", #15\n\t"                                                                   \
    "adcs " a ", " a ", " b "\n\t"                                                                 \
    "asrs " a ", " a ", " shift "\n\t"                                                             \
    "adcs " a ", " a ", " zero "\n\t"                                                              \
    "cmp " a ", r10\n\t"                                                                           \
    "bge 7f\n\t"                                                                                   \
    "mov " a ", r10\n\t"                                                                           \
    "7:\n\t"                                                                                       \
    "cmp " a ", r11\n\t"                                                                           \
    "ble 8f\n\t"                                                                                   \
    "mov " a ", r11\n\t"                                                                           \
    "8:\n\t"

/* clang-format on */

#endif /* WS_MULS_ASM_H */
