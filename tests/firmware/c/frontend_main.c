/*
 * The front-end as a program, for the sanitizers: hops of int16 on standard input; every row and,
 * at the end, the features of the last `frames` rows on standard output.
 *
 *     frontend_main frames < samples > rows_and_features
 */
#include <stdio.h>
#include <stdlib.h>

#include "ws_frontend.h"
#include "ws_window.h"

int main(int argc, char **argv) {
    const int frames = argc > 1 ? atoi(argv[1]) : 1;
    /* On the heap, so that AddressSanitizer guards the ends of each. */
    ws_frontend_t *frontend = malloc(sizeof *frontend);
    int16_t *ring = malloc((size_t)frames * WS_FE_MELS * sizeof *ring);
    int8_t *features = malloc((size_t)frames * WS_FE_WIDTH);
    int16_t *hop = malloc(WS_FE_HOP * sizeof *hop);
    int16_t *row = malloc(WS_FE_MELS * sizeof *row);
    int status = 1;
    if (frontend && ring && features && hop && row) {
        ws_window_t window;
        ws_frontend_init(frontend);
        ws_window_init(&window, ring, (uint16_t)frames);
        while (fread(hop, sizeof *hop, WS_FE_HOP, stdin) == WS_FE_HOP) {
            if (ws_frontend_push(frontend, hop, row)) {
                ws_window_push(&window, row);
                fwrite(row, sizeof *row, WS_FE_MELS, stdout);
            }
        }
        if (ws_window_features(&window, features)) {
            fwrite(features, 1, (size_t)frames * WS_FE_WIDTH, stdout);
            status = 0;
        }
    }
    free(row);
    free(hop);
    free(features);
    free(ring);
    free(frontend);
    return status;
}
