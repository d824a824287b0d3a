# The front door; everything is built by CMake (CMakePresets.json).
.PHONY: demo check check-long bench format deps

PROGRAM := build/release/programs/csyft/csyft

demo: $(PROGRAM)-built
	$(PROGRAM) demo $(ARGS)

check: deps
	tools/check

check-long: deps
	tools/check long

bench: $(PROGRAM)-built
	$(PROGRAM) bench $(ARGS)

format:
	tools/format

deps:
	tools/install-deps

.PHONY: $(PROGRAM)-built
$(PROGRAM)-built: deps
	cmake --preset release
	cmake --build build/release --target program_csyft
