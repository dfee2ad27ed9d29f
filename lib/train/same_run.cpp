// Whether a checkpoint belongs to the run that is asked for.
#include <charconv>
#include <map>

#include "base/log.h"
#include "train/session.h"

namespace rn::train {
namespace {

using Keys = std::map<std::string, std::string>;

Keys keys_of(const std::string& recipe) {
  Keys keys;
  for (std::size_t from = 0; from < recipe.size();) {
    const std::size_t end = std::min(recipe.find('\n', from), recipe.size());
    const std::string line = recipe.substr(from, end - from);
    const std::size_t equals = line.find(" = ");
    if (equals != std::string::npos) keys[line.substr(0, equals)] = line.substr(equals + 3);
    from = end + 1;
  }
  // Compared by what they stand for: data and initial model by their digests, lanes with a warning.
  for (const char* key : {"data", "init", "init-from", "lanes", "device"}) keys.erase(key);
  return keys;
}

bool same_value(const std::string& a, const std::string& b) {
  if (a == b) return true;
  double x = 0, y = 0;
  const auto in_a = std::from_chars(a.data(), a.data() + a.size(), x);
  const auto in_b = std::from_chars(b.data(), b.data() + b.size(), y);
  return in_a.ec == std::errc() && in_b.ec == std::errc() && in_a.ptr == a.data() + a.size() &&
         in_b.ptr == b.data() + b.size() && x == y;
}

std::string value_of(const Keys& keys, const std::string& key) {
  const auto found = keys.find(key);
  return found == keys.end() ? "not set" : found->second;
}

[[noreturn]] void differs(const std::string& name, const std::string& key, const std::string& found,
                          const std::string& asked) {
  fail(ErrorKind::usage,
       "{}: was made with another {}: {}, here {}; give the options it was made with to go on, or "
       "--force without --resume to start over",
       name, key, found, asked);
}

void check_recipe(const ModelFile& found, const ModelFile& asked, const std::string& name) {
  const Keys theirs = keys_of(found.training->recipe), ours = keys_of(asked.training->recipe);
  Keys all = theirs;
  all.insert(ours.begin(), ours.end());
  for (const auto& [key, ignored] : all) {
    const std::string a = value_of(theirs, key), b = value_of(ours, key);
    if (!same_value(a, b)) differs(name, key, a, b);
  }
}

void check_data(const ModelFile& found, const ModelFile& asked, const std::string& name) {
  const std::string ours = asked.data_digest.substr(0, 12);
  if (found.data_digest != asked.data_digest) {
    differs(name, "data", found.data_digest.substr(0, 12), ours);
  }
  const auto &theirs = found.provenance.inputs, &mine = asked.provenance.inputs;
  if (theirs.size() != mine.size()) {
    differs(name, "set of inputs", std::to_string(theirs.size()), std::to_string(mine.size()));
  }
  for (std::size_t i = 0; i < mine.size(); ++i) {
    if (theirs[i].sha256 != mine[i].sha256) {
      differs(name, i == 0 ? "data" : fmt::format("input ({})", mine[i].path),
              theirs[i].sha256.substr(0, 12), mine[i].sha256.substr(0, 12));
    }
  }
}

void warn_about(const ModelFile& found, const ModelFile& asked, const std::string& name) {
  const auto tell = [&](const std::string& what, const std::string& a, const std::string& b) {
    if (a == b) return;
    warn("{}: was made with {} {}, here {}: the result may differ in the last bits", name, what,
         a.empty() ? "unknown" : a, b.empty() ? "unknown" : b);
  };
  tell("lanes", std::to_string(found.lanes), std::to_string(asked.lanes));
  const io::Provenance &theirs = found.provenance, &ours = asked.provenance;
  tell("version", theirs.version, ours.version);
  tell("instruction set", theirs.instruction_set, ours.instruction_set);
  const std::map<std::string, std::string> before(theirs.libraries.begin(), theirs.libraries.end());
  for (const auto& [library, version] : ours.libraries) {
    const auto old = before.find(library);
    tell(library, old == before.end() ? "" : old->second, version);
  }
}

}  // namespace

void check_same_run(const ModelFile& found, const ModelFile& asked, const std::string& name,
                    bool warns) {
  if (!found.training) fail(ErrorKind::usage, "{}: holds no training to go on with", name);
  const TrainingState &theirs = *found.training, &ours = *asked.training;
  if (found.spec.arch != asked.spec.arch) differs(name, "arch", found.spec.arch, asked.spec.arch);
  if (theirs.seed != ours.seed) {
    differs(name, "seed", std::to_string(theirs.seed), std::to_string(ours.seed));
  }
  if (theirs.batch != ours.batch) {
    differs(name, "batch", std::to_string(theirs.batch), std::to_string(ours.batch));
  }
  if (theirs.precision != ours.precision) {
    differs(name, "precision", precision_name(theirs.precision), precision_name(ours.precision));
  }
  check_recipe(found, asked, name);
  check_data(found, asked, name);
  if (found.spec != asked.spec) differs(name, "block table", "of its own", "another");
  if (warns) warn_about(found, asked, name);
}

}  // namespace rn::train
