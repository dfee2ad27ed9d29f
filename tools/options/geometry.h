// The options of resnet-geometry, and what they mean to the library.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "options/study.h"
#include "study/geometry_run.h"

namespace rn::tools {

struct GeometryTool : StudyTool {
  std::vector<std::string> retrained;
  std::string output_metric;
  bool coordinates = false, metric = false, actions = false;
  std::int64_t converge = 0, steps = 4000, eigenvectors = 0, blocks = 0, singular_values = 5,
               lanczos_steps = 20, batch = 16, path_pieces = 64;
  double lr = 0.1;
  std::vector<std::int64_t> path, batch_sizes;
  std::optional<std::int64_t> grid, limit_test, limit_train;
  std::optional<double> floor;
};

inline CLI::Validator output_metric() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        try {
          study::parse_output_metric(text);
          return {};
        } catch (const Error& error) {
          return error.what();
        }
      },
      "");
}

inline void bind_ck(CLI::App& app, GeometryTool& o) {
  app.add_flag("--coordinates", o.coordinates,
               "C^k: every point, and a grid, at every layer (always in the result)");
  app.add_flag("--metric", o.metric,
               "The metric pulled back to every layer or boundary (the default)");
  app.add_flag("--actions", o.actions,
               "C^k: every layer's Jacobian as rotation and stretch, and whether they compose");
  app.add_option("--grid", o.grid, "C^k: grid of so many points a side; 21 by default; 0: none")
      ->type_name("N")
      ->check(cli::whole(0, 200));
  app.add_option("--converge", o.converge,
                 "C^k: cut every layer in two, R times, and see what changes")
      ->type_name("R")
      ->check(cli::whole(1, 12));
  app.add_option("--retrained", o.retrained,
                 "C^k: compare with networks trained with 2, 4, ... times the layers")
      ->type_name("MODEL")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--path", o.path, "C^k: from point A to B, straight and as short as it gets")
      ->type_name("A,B")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(cli::whole(0));
  app.add_option("--path-pieces", o.path_pieces, "--path: pieces of the line")
      ->type_name("INT")
      ->check(cli::whole(2, 1000));
  app.add_option("--batch-sizes", o.batch_sizes,
                 "C^k: train it anew with these batches, and compare")
      ->type_name("INT")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(cli::whole(1));
  app.add_option("--steps", o.steps, "--batch-sizes: steps of each training")
      ->type_name("INT")
      ->check(cli::whole(1, 10000000));
  app.add_option("--lr", o.lr, "--batch-sizes: learning rate at the start; it falls as a cosine")
      ->type_name("FLOAT")
      ->check(cli::real(0));
}

inline void bind_classifier(CLI::App& app, GeometryTool& o) {
  app.add_option("--eigenvectors", o.eigenvectors,
                 "Classifiers: keep the leading eigenvector at the input of the first N images")
      ->type_name("N")
      ->check(cli::whole(1, 100000));
  app.add_option("--blocks", o.blocks,
                 "Classifiers: singular values of each block's Jacobian, for the first N images")
      ->type_name("N")
      ->check(cli::whole(1, 100000));
  app.add_option("--singular-values", o.singular_values, "--blocks: how many")
      ->type_name("INT")
      ->check(cli::whole(1, 100));
  app.add_option("--lanczos-steps", o.lanczos_steps, "--blocks: products with the Jacobian")
      ->type_name("INT")
      ->check(cli::whole(1, 1000));
  app.add_option("--batch", o.batch, "Classifiers: images at a time; changes no number")
      ->type_name("INT")
      ->check(cli::whole(1, 100000));
}

inline void bind(CLI::App& app, GeometryTool& o) {
  bind_model(app, o, "train, val or test; by default test");
  app.add_option("--limit-test", o.limit_test, "The first N test (or val) samples; by default 1000")
      ->type_name("INT")
      ->check(cli::whole(1));
  app.add_option("--limit-train", o.limit_train, "The first N training samples; by default 1000")
      ->type_name("INT")
      ->check(cli::whole(1));
  app.add_option("--output-metric", o.output_metric,
                 "euclidean (C^k: of the last coordinates; else of the logits), logits, or fisher, "
                 "of the class probabilities; by default euclidean for C^k, else fisher")
      ->type_name("NAME")
      ->check(output_metric());
  app.add_option("--floor", o.floor,
                 "What is not above this share of the largest counts as zero: of singular values "
                 "(C^k, 1e-12), of eigenvalues (else, 1e-6, in fp64 1e-12)")
      ->type_name("FLOAT")
      ->check(cli::real(0, 1));
  bind_ck(app, o);
  bind_classifier(app, o);
  bind_run(app, o, false, "Of everything held at a time, such as 500M or 4G");
}

inline study::GeometryRun effective(const GeometryTool& o, const cli::Invocation& call) {
  study::GeometryRun run;
  apply(o, call, run);
  const bool training = run.split == data::Split::train;
  cli::goes_with(call, {"limit-train"}, training, "--split train");
  cli::goes_without(call, {"limit-test"}, training, "--split train");
  cli::goes_with(call, {"path-pieces"}, !o.path.empty(), "--path");
  cli::goes_with(call, {"steps", "lr"}, !o.batch_sizes.empty(), "--batch-sizes");
  cli::goes_with(call, {"singular-values", "lanczos-steps"}, o.blocks > 0, "--blocks");
  const auto& limit = training ? o.limit_train : o.limit_test;
  run.limit = limit.value_or(1000);
  study::GeometryOptions& s = run.options;
  const bool other =
      o.converge > 0 || !o.retrained.empty() || !o.path.empty() || !o.batch_sizes.empty();
  const bool named = o.coordinates || o.metric || o.actions || other;
  s.metric = o.metric || !named;
  s.actions = o.actions || !named;
  run.coordinates = o.coordinates;
  run.actions = o.actions;
  run.grid = o.grid;
  if (o.grid == 1) fail(ErrorKind::usage, "--grid 1: a grid has at least 2 points a side");
  if (!o.output_metric.empty()) run.metric = study::parse_output_metric(o.output_metric);
  run.floor = o.floor;
  s.seed = o.common.seed;
  s.converge = static_cast<int>(o.converge);
  run.retrained = o.retrained;
  if (!o.path.empty() && o.path.size() != 2) {
    fail(ErrorKind::usage, "--path takes two points, such as --path 0,1");
  }
  s.path = o.path;
  s.relax.pieces = o.path_pieces;
  s.batches.sizes = o.batch_sizes;
  s.batches.steps = o.steps;
  s.batches.lr = o.lr;
  s.batches.seed = o.common.seed;
  s.vectors = o.eigenvectors;
  s.block_images = o.blocks;
  s.lanczos.values = o.singular_values;
  s.lanczos.steps = o.lanczos_steps;
  if (o.lanczos_steps < o.singular_values) {
    fail(ErrorKind::usage, "--lanczos-steps {}: {} singular values take at least as many",
         o.lanczos_steps, o.singular_values);
  }
  run.batch = o.batch;
  if (run.dtype == Dtype::bf16) {
    fail(ErrorKind::usage, "--precision bf16: metrics are taken in fp32 or fp64");
  }
  return run;
}

}  // namespace rn::tools
