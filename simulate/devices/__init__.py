"""What surrounds the emulated core: models of peripherals, written from the manuals.

A model (`device.Device`) knows its registers and nothing of the emulator. It reads the time and
asks to be called later (`clock.Clock`), reaches memory as a bus master does, and moves interrupt
lines (`device.Surroundings`). `chips` says which models sit at which addresses of which chip.
"""
