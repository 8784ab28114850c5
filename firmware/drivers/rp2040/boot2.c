/* RP2040: the second boot stage, 256 bytes at the start of the flash.

   The boot ROM copies it to SRAM, checks the CRC in its last word, and jumps to it (RP2040
   Datasheet, 2.8.1.2 "Boot sequence" and 2.8.1.3 "Flash boot"). It lets the SSI read the flash
   with the plain command 03h, which every serial flash knows (4.10 "SSI"), and goes on at the
   vector table behind it. firmware/boot2.py fills the CRC in. */
#include <stdint.h>

void ws_boot2(void);

__attribute__((naked, used, section(".boot"))) void ws_boot2(void) {
    __asm volatile("ldr r3, =0x18000000\n\t" /* XIP_SSI */
                   "movs r1, #0\n\t"
                   "str r1, [r3, #0x08]\n\t" /* SSIENR: off */
                   "movs r1, #4\n\t"
                   "str r1, [r3, #0x14]\n\t" /* BAUDR: clk_sys / 4 */
                   "ldr r1, =0x001F0300\n\t" /* 32 data bits, "EEPROM read": command, address, */
                   "str r1, [r3, #0x00]\n\t" /* data; CTRLR0 */
                   "ldr r1, =0x03000218\n\t" /* command 03h of 8 bits, 24 bits of address, */
                   "ldr r2, =0x180000F4\n\t" /* all on one wire; SPI_CTRLR0 */
                   "str r1, [r2]\n\t"
                   "movs r1, #0\n\t"
                   "str r1, [r3, #0x04]\n\t" /* CTRLR1: one word at a time */
                   "movs r1, #1\n\t"
                   "str r1, [r3, #0x08]\n\t" /* SSIENR: on */
                   "ldr r0, =0x10000100\n\t"
                   "ldr r1, =0xE000ED08\n\t" /* VTOR */
                   "str r0, [r1]\n\t"
                   "ldmia r0, {r0, r1}\n\t"
                   "msr msp, r0\n\t"
                   "bx r1\n\t"
                   ".ltorg\n\t"
                   ".org 252\n\t"
                   ".word 0");
}
