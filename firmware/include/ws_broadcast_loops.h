/*
 * An operator with two inputs that broadcast to a four-dimensional output; the same text for every
 * operator and type of values. A kernel includes this once per function, after it has defined
 *   WS_BINARY          the name of the function,
 *   WS_BINARY_PARAMS   the type of its parameters, which begin with WS_BROADCAST_WALK,
 *   WS_BINARY_VALUE    the type of a value,
 *   WS_BINARY_OF       the name of a function of (parameters, value 1, value 2) to one value; or
 *   WS_BINARY_RUN      that of (parameters, input 1, input 2, output) for a run of shape[3] values.
 */
void WS_BINARY(const WS_BINARY_PARAMS *p, const WS_BINARY_VALUE *input1,
               const WS_BINARY_VALUE *input2, WS_BINARY_VALUE *output) {
    for (int32_t i0 = 0; i0 < p->shape[0]; i0++) {
        for (int32_t i1 = 0; i1 < p->shape[1]; i1++) {
            for (int32_t i2 = 0; i2 < p->shape[2]; i2++) {
                const WS_BINARY_VALUE *a =
                    input1 + i0 * p->stride1[0] + i1 * p->stride1[1] + i2 * p->stride1[2];
                const WS_BINARY_VALUE *b =
                    input2 + i0 * p->stride2[0] + i1 * p->stride2[1] + i2 * p->stride2[2];
#ifdef WS_BINARY_RUN
                WS_BINARY_RUN(p, a, b, output);
                output += p->shape[3];
#else
                for (int32_t i3 = 0; i3 < p->shape[3]; i3++) {
                    *output++ = WS_BINARY_OF(p, a[i3 * p->stride1[3]], b[i3 * p->stride2[3]]);
                }
#endif
            }
        }
    }
}

#undef WS_BINARY
#undef WS_BINARY_PARAMS
#undef WS_BINARY_VALUE
#undef WS_BINARY_OF
#undef WS_BINARY_RUN
