/* The vector table: 16 entries of the core (startup.c), then the board's interrupts.

   A board that uses interrupts gives a table in its board.c, entry 0 being interrupt 0:

       WS_INTERRUPTS const ws_vector_t ws_interrupts[WS_INTERRUPT_COUNT] = {
           [2] = uart_interrupt,
       };

   WS_INTERRUPT_COUNT is `vectors.count` of board.toml. An entry left out is 0: should that
   interrupt come all the same, the core faults on the jump to address 0 and the fault is reported.
 */
#ifndef WS_VECTORS_H
#define WS_VECTORS_H

typedef void (*ws_vector_t)(void);

/* Places the board's table right behind the core's. */
#define WS_INTERRUPTS __attribute__((section(".vectors.irq"), used))

/* Exception 15; board_defaults.c has one for its own clock. */
void SysTick_Handler(void);

#endif
