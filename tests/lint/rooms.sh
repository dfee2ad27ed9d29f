#!/bin/sh
# Which room may include which (docs/design.md, "Rooms"), and what only some rooms may touch.
set -eu
cd "${SOURCE:-.}"

find lib tools -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' | sort | xargs awk '
  function complain(what) { printf "%s:%d: %s\n", FILENAME, FNR, what; bad = 1 }
  function allow(from, to) { may[from] = " " from " " to " " }
  BEGIN {
    base = "base"; device = base " device"; tensor = device " tensor"; ops = tensor " ops"
    nn = ops " nn"; models = nn " models"; io = tensor " io"; train = models " data io comm train"
    allow("base", ""); allow("device", base); allow("tensor", device); allow("ops", tensor)
    allow("nn", ops); allow("models", nn); allow("io", tensor); allow("data", io)
    allow("comm", tensor); allow("convert", models " io"); allow("train", train " convert")
    allow("study", train); allow("video", train); allow("plot", "io base")
    allow("cli", "io device base")
  }
  FNR == 1 {
    split(FILENAME, part, "/")
    library = part[1] == "lib"
    room = library ? part[2] : "tools"
    if (library && !(room in may)) complain("a room that this lint does not know; add it here and to docs/map.md")
  }
  /^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, word, "\"")
    if (word[2] == "git_revision.h") next
    if (word[2] !~ /\//) { complain("include from the root: \"ROOM/" word[2] "\""); next }
    split(word[2], to, "/")
    if (library && index(may[room], " " to[1] " ") == 0)
      complain("lib/" room " may not include lib/" to[1])
  }
  /^[ \t]*#[ \t]*include/ {
    if (/<zip\.h>/ && FILENAME != "lib/io/zip.cpp") complain("zip archives through io/zip.h")
    if (/<zlib\.h>/ && FILENAME != "lib/io/gzip.cpp") complain("gzip through io/gzip.h")
    if (/<jpeglib\.h>|<png\.h>/ && FILENAME !~ /^lib\/io\/picture_/) complain("images through io/picture.h")
    if (/nlohmann/ && room != "io" && room != "convert") complain("JSON is parsed in lib/io and lib/convert only")
    if (/hdf5/ && room != "io") complain("HDF5 is for lib/io only")
    if (/dnnl|cblas\.h|lapacke\.h/ && room != "ops") complain("this library is for lib/ops only")
    if (/<cuda|<cublas|<cudnn|<mma\.h|<nccl/ && FILENAME !~ /\/cuda\//) complain("CUDA is for */cuda/ only")
    if (/<lib(av|sw)/ && FILENAME !~ /^lib\/video\//) complain("FFmpeg is for lib/video only")
    if (/<CLI\// && room != "cli" && room != "tools") complain("CLI11 is for lib/cli and tools only")
    if (/<spdlog\// && room != "cli" && FILENAME != "lib/base/log.h") complain("log through base/log.h")
    if (/<iostream>/ && room != "cli") complain("no streams to the terminal in the library")
  }
  /#[ \t]*if.*RN_CUDA|__CUDACC__/ { complain("which device file is built decides, no #ifdef") }
  library && room != "cli" {
    line = $0
    sub(/\/\/.*/, "", line)
    gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
    if (line ~ /(^|[^a-z_])(f?printf|puts|perror|exit|_exit|abort|quick_exit)\(/ || line ~ /std::(cout|cerr|clog)/)
      complain("library code neither prints nor exits: throw rn::Error, or rn::warn")
  }
  END { exit bad }'
echo "rooms: fine"
