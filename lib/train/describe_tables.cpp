// Results, data sets, provenance, and the choice by format.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "io/schema.h"
#include "train/describe_parts.h"

namespace rn::train {
namespace {

namespace schema = io::schema;

// A file may contain itself: groups are links.
constexpr int deepest = 8;
constexpr std::size_t most_objects = 100000;

struct Object {
  std::string path, type, units;
  Shape shape;
};
struct Attribute {
  std::string path, value;
};
struct Contents {
  std::vector<Object> objects;
  std::vector<Attribute> attributes;
  std::size_t seen = 0;  // of these and of groups
};

bool is_group(const io::H5& file, const std::string& path, std::vector<std::string>& members) {
  try {
    members = file.list(path);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::string attribute_text(const io::H5& file, const std::string& at, const std::string& name) {
  try {
    return printable(file.get_string(at, name));
  } catch (const Error&) {
  }
  try {
    return fmt::format("{}", file.get_int(at, name));
  } catch (const Error&) {
  }
  try {
    return io::json_number(file.get_double(at, name));
  } catch (const Error&) {
    return "?";
  }
}

Object look(const io::H5& file, const std::string& path) {
  Object object{path, "text", "", file.shape(path)};
  try {
    object.type = to_string(file.dtype(path));
  } catch (const Error&) {
  }
  if (file.has_attribute(path, "units")) object.units = printable(file.get_string(path, "units"));
  return object;
}

void collect(const io::H5& file, const std::string& group, const std::vector<std::string>& members,
             int depth, Contents& contents) {
  const std::string at = group.empty() ? "/" : group;
  for (const std::string& name : file.attributes(at)) {
    contents.attributes.push_back(
        {(group.empty() ? "" : group + "/") + name, attribute_text(file, at, name)});
    ++contents.seen;
  }
  for (const std::string& name : members) {
    const std::string path = group.empty() ? name : group + "/" + name;
    if (path == schema::provenance) continue;
    if (++contents.seen > most_objects || depth > deepest) {
      fail(ErrorKind::input, "{}: holds more than {} objects, or groups in groups; damaged?",
           file.name(), most_objects);
    }
    std::vector<std::string> inner;
    if (is_group(file, path, inner)) {
      collect(file, path, inner, depth + 1, contents);
    } else {
      contents.objects.push_back(look(file, path));
    }
  }
}

Contents contents_of(const io::H5& file) {
  Contents contents;
  collect(file, "", file.list("/"), 0, contents);
  return contents;
}

std::string dimensions(const Shape& shape) { return fmt::format("{}", fmt::join(shape, "x")); }

std::string tables_text(const io::H5& file) {
  const Contents contents = contents_of(file);
  std::string text = fmt::format("file\t{}\n", file.name());
  for (const Attribute& a : contents.attributes) {
    text += fmt::format("{}\t{}\n", printable(a.path), a.value);
  }
  text += "\nname\ttype\tsize\tunits\n";
  for (const Object& o : contents.objects) {
    text +=
        fmt::format("{}\t{}\t{}\t{}\n", printable(o.path), o.type, dimensions(o.shape), o.units);
  }
  return text;
}

io::Json tables_json(const io::H5& file, schema::Format format) {
  const Contents contents = contents_of(file);
  io::Json json, attributes;
  for (const Attribute& a : contents.attributes) attributes.add(a.path, a.value);
  std::vector<io::Json> objects;
  for (const Object& o : contents.objects) {
    objects.push_back(io::Json()
                          .add("name", o.path)
                          .add("type", o.type)
                          .add("shape", o.shape)
                          .add("units", o.units));
  }
  json.add("file", file.name())
      .add("format", format == schema::Format::result ? "result" : "data")
      .add("format_version", file.get_int("/", schema::version_attribute));
  if (file.has_attribute("/", schema::kind_attribute)) {
    json.add("kind", file.get_string("/", schema::kind_attribute));
  }
  return json.add("attributes", attributes).add("tables", objects);
}

void refuse_parts_of_models(const io::H5& file, const DescribeOptions& options) {
  if (options.blocks || options.parameters) {
    fail(ErrorKind::usage, "{}: is no model, so it has no {}", file.name(),
         options.blocks ? "blocks" : "parameters");
  }
}

// Name and value of what is there.
std::vector<std::pair<std::string, std::string>> fields(const io::Provenance& p) {
  std::vector<std::pair<std::string, std::string>> list;
  const auto add = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) list.emplace_back(name, printable(value));
  };
  add("tool", p.tool);
  add("version", p.version);
  add("git_revision", p.git_revision);
  add("command_line", p.command_line);
  add("seed", fmt::format("{}", p.seed));
  add("device", p.device);
  add("instruction_set", p.instruction_set);
  add("lanes", p.lanes > 0 ? fmt::format("{}", p.lanes) : "");
  add("threads", p.threads > 0 ? fmt::format("{}", p.threads) : "");
  add("cpu", p.cpu);
  add("host", p.host);
  add("started", p.started);
  add("finished", p.finished);
  for (const auto& [name, version] : p.libraries) add("library " + printable(name), version);
  for (const auto& input : p.inputs) {
    add("input", input.path.empty() ? input.sha256 : input.path + " " + input.sha256);
  }
  return list;
}

}  // namespace

std::string maker_line(const io::Provenance& p) {
  if (p.tool.empty()) return "unknown";
  std::string text = printable(fmt::format("{} {} ({})", p.tool, p.version, p.git_revision));
  if (!p.finished.empty()) text += printable(", " + p.finished);
  return text;
}

std::string provenance_text(const io::Provenance& provenance) {
  std::string text;
  for (const auto& [name, value] : fields(provenance)) text += fmt::format("{}\t{}\n", name, value);
  if (!provenance.config.empty()) {
    text += "\n";
    std::string config = provenance.config;  // several lines
    std::replace_if(
        config.begin(), config.end(),
        [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f; },
        '?');
    text += config;
    if (config.back() != '\n') text += "\n";
  }
  return text;
}

io::Json provenance_json(const io::Provenance& provenance) {
  io::Json json, libraries;
  for (const auto& [name, value] : fields(provenance)) {
    if (name != "input" && !name.starts_with("library ")) json.add(name, value);
  }
  for (const auto& [name, version] : provenance.libraries) libraries.add(name, version);
  std::vector<io::Json> inputs;
  for (const auto& input : provenance.inputs) {
    inputs.push_back(io::Json().add("path", input.path).add("sha256", input.sha256));
  }
  return json.add("libraries", libraries).add("inputs", inputs).add("config", provenance.config);
}

std::string describe_text(const io::H5& file, const DescribeOptions& options) {
  if (schema::identify(file) == schema::Format::model) return describe_model_text(file, options);
  refuse_parts_of_models(file, options);
  return options.provenance ? provenance_text(io::read_provenance(file)) : tables_text(file);
}

io::Json describe_json(const io::H5& file, const DescribeOptions& options) {
  const schema::Format format = schema::identify(file);
  if (format == schema::Format::model) return describe_model_json(file, options);
  refuse_parts_of_models(file, options);
  io::Json json = tables_json(file, format);
  if (options.provenance) json.add("provenance", provenance_json(io::read_provenance(file)));
  return json;
}

}  // namespace rn::train
