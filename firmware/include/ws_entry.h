/*
 * Functions that an emulator calls and nothing in the image does: kept by the linker, and never
 * inlined. Elsewhere, as in an exported library, the linker may drop them.
 */
#ifndef WS_ENTRY_H
#define WS_ENTRY_H

#ifdef WS_BOARD_NAME
#define WS_ENTRY(name) __attribute__((noinline, used, section(".text.ws_entry." #name)))
#else
#define WS_ENTRY(name)
#endif

#endif
