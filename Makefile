# The front door. `make list` explains the targets.
#
# Variables: BUILD=build  NATIVE=1 (this machine's instruction set)  WERROR=0  SANITIZE=0
#            CUDA=auto|on|off  CUDA_ARCH=...  VIDEO=auto|on|off  PREFIX=/usr/local  DESTDIR=  CIFAR10=DIR  JOBS=N
#            PYTHON=python3  BENCH=OPTIONS (of tests/bench/bench.py)

SANITIZE ?= 0
NATIVE ?= 1
WERROR ?= 0
CUDA ?= auto
CUDA_ARCH ?=
VIDEO ?= auto
PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)
DATA ?= data
PYTHON ?= python3
BENCH ?=

ifeq ($(SANITIZE),1)
BUILD ?= build-asan
override NATIVE := 0
else
BUILD ?= build
endif

OPTIONS = -DRESNET_NATIVE=$(if $(filter 1,$(NATIVE)),ON,OFF) \
	-DRESNET_WERROR=$(if $(filter 1,$(WERROR)),ON,OFF) \
	-DRESNET_SANITIZE=$(if $(filter 1,$(SANITIZE)),address$(,)undefined) \
	-DRESNET_VIDEO=$(VIDEO) -DRESNET_CUDA=$(CUDA) $(if $(CUDA_ARCH),"-DRESNET_CUDA_ARCHITECTURES=$(CUDA_ARCH)")
, := ,

FUZZ_OPTIONS = -DRESNET_FUZZ=ON -DRESNET_SANITIZE=address$(,)undefined -DRESNET_CUDA=off \
	-DRESNET_NATIVE=OFF

PACKAGES = g++ cmake ninja-build pkg-config libhdf5-dev libopenblas-dev liblapacke-dev libdnnl-dev \
	libcli11-dev libspdlog-dev libfmt-dev libzip-dev zlib1g-dev libjpeg-dev libpng-dev nlohmann-json3-dev catch2 gnuplot-nox \
	libavformat-dev libavcodec-dev libavutil-dev libswscale-dev

.PHONY: list
list: ## print this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 16
	@sed -n '/^# Variables/,/^$$/s/^# *//p' Makefile

# What `make` alone does.
.DEFAULT_GOAL := build
.PHONY: build
build: configure ## build the library, the tools (into build/bin) and the tests
	@cmake --build $(BUILD) --parallel $(JOBS)

.PHONY: configure
configure:
	@cmake -S . -B $(BUILD) $(if $(wildcard $(BUILD)/CMakeCache.txt),,-G Ninja) \
	  -DCMAKE_BUILD_TYPE=Release $(OPTIONS) > $(BUILD).log 2>&1 || { cat $(BUILD).log; rm -f $(BUILD).log; exit 1; }
	@grep -E 'CUDA:|Video:|WARNING|CMake Warning' $(BUILD).log || true
	@rm -f $(BUILD).log

.PHONY: deps
deps: ## install the Debian packages that are missing (through apt-get)
	@sh share/cmake/deps.sh $(PACKAGES)

.PHONY: demo
demo: deps ## train, evaluate and draw a small network on built-in data; about 5 minutes
	@$(MAKE) --no-print-directory configure
	@cmake --build $(BUILD) --parallel $(JOBS) --target tools
	@sh share/demo.sh $(BUILD)

.PHONY: demo-video
demo-video: deps ## films of actions: flow, two streams, their connection, pictures; 3 minutes on 2 fast cores, CLIPS=40
	@$(MAKE) --no-print-directory configure VIDEO=on
	@cmake --build $(BUILD) --parallel $(JOBS) --target tools
	@CLIPS="$(or $(CLIPS),40)" sh share/demo-video.sh $(BUILD)

.PHONY: test
test: deps ## build and run all tests; SANITIZE=1 with ASan and UBSan, WERROR=1 as in CI
	@$(MAKE) --no-print-directory build
	@rm -f $(BUILD)/tests/skipped.txt
	@cd $(BUILD) && ctest --output-on-failure --parallel $(JOBS)
	@if test -s $(BUILD)/tests/skipped.txt; then echo "Skipped test cases:"; \
	  sed 's/^/  /' $(BUILD)/tests/skipped.txt; fi

FUZZ_TIME ?= 60
.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZ_TIME=60 seconds, with clang, ASan and UBSan (build-fuzz)
	@sh share/cmake/deps.sh $(PACKAGES) clang libomp-dev
	@CXX=clang++ CC=clang $(MAKE) --no-print-directory configure BUILD=build-fuzz \
	  OPTIONS="$(FUZZ_OPTIONS)"
	@cmake --build build-fuzz --parallel $(JOBS) --target fuzz
	@sh tests/fuzz/run.sh build-fuzz $(FUZZ_TIME)

.PHONY: lint
lint: build ## the lints alone, and the format of the sources
	@cd $(BUILD) && ctest --output-on-failure -L lint
	@if command -v clang-format > /dev/null; then \
	  find lib tools tests \( -name '*.cpp' -o -name '*.h' -o -name '*.cu' \) -print0 | \
	    xargs -0 clang-format --dry-run -Werror && echo "clang-format: fine"; \
	else echo "clang-format: not installed, format not checked"; fi

.PHONY: format
format: ## lay out all sources with clang-format
	@find lib tools tests \( -name '*.cpp' -o -name '*.h' -o -name '*.cu' \) -print0 | xargs -0 clang-format -i

.PHONY: tidy
tidy: configure ## clang-tidy over the library and the tools
	@run-clang-tidy -quiet -p $(BUILD) -j $(JOBS) '/(lib|tools)/.*\.cpp$$'

.PHONY: check-gpu
check-gpu: build ## every op, two trainings and their speed on the GPU beside the CPU: a report in BUILD
	@sh share/check-gpu.sh --bin $(abspath $(BUILD))/bin -o $(BUILD)

.PHONY: check-sass
check-sass: build ## what nvcc made of the kernels: tensor cores, spilled registers (CUOBJDUMP=cuobjdump)
	@sh share/cmake/check-sass.sh $(BUILD)/lib/libresnet.so $(CUOBJDUMP)

.PHONY: bundle
bundle: build ## tools and the libraries they need as one archive in BUILD, for machines without packages
	@sh share/cmake/bundle.sh $(BUILD) \
	  $(BUILD)/resnet-tools-$$(sed -n 's/^project(.*VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)-$$(uname -m).tar.xz

.PHONY: check-cifar10
check-cifar10: build ## checks on real CIFAR-10: CIFAR10=DIR, or after make fetch-cifar10
	@sh tests/data/check_cifar10.sh $(BUILD) "$(or $(CIFAR10),$(DATA)/cifar-10-batches-bin)"

.PHONY: check-interop
check-interop: build ## compare with torch, timm, keras: PYTHON=python3; WEIGHTS=DIR CIFAR10=DIR
	@SOURCE=$(CURDIR) BUILD=$(abspath $(BUILD)) PYTHON="$(or $(PYTHON),python3)" WEIGHTS="$(WEIGHTS)" \
	  CIFAR10="$(CIFAR10)" sh tests/interop/interop.sh

.PHONY: check-flow
check-flow: build ## video-flow beside OpenCV, error and speed: FLOW=DIR (Middlebury) CLIP=FILE PYTHON=python3
	@$(PYTHON) -B tests/interop/flow.py $(BUILD) "$(FLOW)" $(if $(CLIP),--clip "$(CLIP)")

.PHONY: check-slurm
check-slurm: build ## a lesion study as a job array, on a Slurm of its own (root, Debian's packages)
	@sh tests/slurm/check_slurm.sh $(BUILD)

.PHONY: fetch-cifar10
fetch-cifar10: ## download CIFAR-10 (163 MB) from its home page into DATA=data
	@sh share/fetch-cifar10.sh $(DATA)

.PHONY: bench
bench: build ## networks beside PyTorch (PYTHON with torch) and the convolutions' limit; every op
	@$(PYTHON) tests/bench/bench.py $(BUILD)/bin $(BENCH)
	@$(BUILD)/bin/check-ops --bench

.PHONY: bench-loader
bench-loader: build ## JPEGs read, beside training (PYTHON with numpy and pillow; BENCH="--images 2000")
	@$(PYTHON) tests/bench/loader.py $(BUILD)/bin $(BENCH)

.PHONY: repro-ensembles
repro-ensembles: build ## the studies of Veit et al. 2016: SCALE=smoke|cpu|paper, CIFAR10=DIR, MODEL=FILE
	@MODEL="$(MODEL)" sh share/repro/ensembles.sh $(BUILD) $(or $(SCALE),smoke) \
	  $(if $(CIFAR10),cifar10:$(CIFAR10))

.PHONY: repro-revnet
repro-revnet: build ## Gomez et al. 2017, Tables 1 to 3 and Fig 4: SCALE=smoke|cpu|paper, CIFAR10=DIR
	@sh share/repro/revnet.sh $(BUILD) $(or $(SCALE),smoke) $(if $(CIFAR10),cifar10:$(CIFAR10))

.PHONY: repro-stresnet
repro-stresnet: build ## Feichtenhofer et al. 2016, Table 3: SCALE=smoke|cpu|paper, VIDEOS=DIR, INIT=resnet50.h5, SPLITS, TRAIN, FILMS
	@INIT="$(INIT)" SPLITS="$(SPLITS)" TRAIN="$(TRAIN)" FILMS="$(FILMS)" sh share/repro/stresnet.sh $(BUILD) $(or $(SCALE),smoke) $(VIDEOS)

.PHONY: repro-geometry
repro-geometry: build ## Hauser and Ray 2017, and the metric of a residual network: CIFAR10=DIR, SEEDS=20
	@SEEDS="$(SEEDS)" sh share/repro/geometry.sh $(BUILD) $(if $(CIFAR10),cifar10:$(CIFAR10))

.PHONY: install
install: build ## install into PREFIX (/usr/local), below DESTDIR if given
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)

.PHONY: clean
clean: ## remove what was built
	rm -rf build build-asan build-cuda build-fuzz
