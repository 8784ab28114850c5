/* What the firmware says: lines of the serial protocol (docs/PROTOCOL.md). */
#ifndef WS_TELL_H
#define WS_TELL_H

#include <stdint.h>

#define WS_PROTOCOL_VERSION "1"

#define WS_IMAGE_WRONG "the image must have the CRC of its build: flash is damaged. Flash it again"

/* What makes inference impossible, told at start and to every command that needs it; 0: nothing. */
extern const char *ws_refusal;

/* One line `error <text>`; the parts may be told one by one with `ws_error_begin`. */
void ws_error(const char *text);
void ws_error_begin(void);

/* One line `scores <milliseconds> <int8> ...` of ws_app_result. */
void ws_tell_scores(uint32_t milliseconds);

/* One line `event <milliseconds> <index> <score> <label>` of the stream's last event. */
void ws_tell_event(void);

/* The lines that answer `info`. */
void ws_tell_info(void);

#endif
