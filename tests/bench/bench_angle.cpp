// How far gradients of a reversible network are from those of stored activations, and both from
// those in double precision: revnet110-cifar at its initial weights, random images and gradients.
//   bench-angle [BATCH...]
// prints one line of TSV for each batch and precision; angles in degrees over all parameters.
#include <cstdlib>

#include "models/reversible_networks.h"

using namespace rn;
using namespace rn::test;

int main(int argc, char** argv) {
  const models::NetworkSpec spec = models::make_arch("revnet110-cifar");
  std::vector<std::int64_t> batches;
  for (int k = 1; k < argc; ++k) batches.push_back(std::atoi(argv[k]));
  if (batches.empty()) batches = {5, 20, 50, 100};
  fmt::print("batch\tprecision\treversible_stored\tstored_fp64\treversible_fp64\n");
  for (const std::int64_t batch : batches) {
    if (batch < 1) {
      fmt::print(stderr, "bench-angle: a batch is a number from 1 on\n");
      return 2;
    }
    const Left exact = Runs(spec, Dtype::f64, batch).stored();
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
      const Runs runs(spec, dtype, batch);
      const Left stored = runs.stored(), reversible = runs.reversible();
      fmt::print("{}\t{}\t{:.3f}\t{:.3f}\t{:.3f}\n", batch, to_string(dtype),
                 angle(reversible, stored), angle(stored, exact), angle(reversible, exact));
    }
  }
}
