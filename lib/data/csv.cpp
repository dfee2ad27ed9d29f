// Points in a text file.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>

#include "data/points.h"
#include "io/file.h"
#include "io/quoted.h"

namespace rn::data {
namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 30;
constexpr std::size_t most_columns = 65536;
constexpr std::size_t most_classes = 10000;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r";
  const std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  text = text.substr(first, text.find_last_not_of(blank) - first + 1);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

std::vector<std::string_view> fields(std::string_view line, char separator) {
  std::vector<std::string_view> out;
  while (out.size() <= most_columns) {
    const std::size_t end = line.find(separator);
    out.push_back(trimmed(line.substr(0, end)));
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 1);
  }
  return out;
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

struct Row {
  std::size_t first;  // of its numbers
  std::string label, split;
};

class Table {
 public:
  explicit Table(const std::string& path) : path_(path) {
    const io::Bytes bytes = io::read_file(path);
    if (bytes.size() > most_bytes) wrong(0, "is larger than 1 GiB");
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::size_t line = 0;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view one = trimmed(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      ++line;
      if (!one.empty() && one.front() != '#') take(one, line);
    }
    if (rows.empty()) wrong(0, "holds no points");
  }

  [[noreturn]] void wrong(std::size_t line, const std::string& what) const {
    if (line == 0) fail(ErrorKind::input, "{}: {}", path_, what);
    fail(ErrorKind::input, "{}: line {}: {}", path_, line, what);
  }

  std::vector<double> numbers;
  std::vector<Row> rows;
  std::size_t dimension = 0;

 private:
  void take(std::string_view line, std::size_t at) {
    if (columns_ == 0) {
      separator_ = line.find(',') != std::string_view::npos   ? ','
                   : line.find(';') != std::string_view::npos ? ';'
                                                              : '\t';
      const auto parts = fields(line, separator_);
      columns_ = parts.size();
      if (columns_ > most_columns) wrong(at, "has more than 65536 columns");
      label_ = columns_ - 1;
      split_ = columns_;
      // A header has no numbers, but perhaps for what a label could be.
      const bool header = std::none_of(parts.begin(), parts.end(),
                                       [](std::string_view part) { return number(part); });
      if (header && columns_ > 1) return look_at(parts, at);
      if (columns_ < 2) wrong(at, "expected numbers and a label, separated by commas");
      dimension = columns_ - 1;
    }
    const auto parts = fields(line, separator_);
    if (parts.size() != columns_) {
      wrong(at, fmt::format("{} columns instead of {}", parts.size(), columns_));
    }
    Row row{numbers.size(), std::string(parts[label_]), "train"};
    if (row.label.empty()) wrong(at, "its label is empty");
    for (std::size_t i = 0; i < columns_; ++i) {
      if (i == label_) continue;
      if (i == split_) {
        row.split = parts[i];
        if (row.split != "train" && row.split != "val" && row.split != "test") {
          wrong(at, fmt::format("split {}: expected train, val or test", io::quoted(row.split)));
        }
        continue;
      }
      const auto value = number(parts[i]);
      if (!value || !std::isfinite(*value)) {
        wrong(at, fmt::format("column {}: {} is no finite number", i + 1,
                              io::quoted(std::string(parts[i]))));
      }
      numbers.push_back(*value);
    }
    rows.push_back(std::move(row));
  }

  void look_at(const std::vector<std::string_view>& names, std::size_t at) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == "label" || names[i] == "class") label_ = i;
      if (names[i] == "split") split_ = i;
    }
    if (label_ == split_) label_ = columns_ - 2;
    dimension = columns_ - 1 - (split_ < columns_ ? 1 : 0);
    if (dimension < 1) wrong(at, "expected columns of numbers beside the label");
  }

  std::string path_;
  char separator_ = ',';
  std::size_t columns_ = 0, label_ = 0, split_ = 0;
};

std::vector<std::string> classes_of(const Table& table) {
  std::map<std::string, std::optional<double>> seen;
  for (const Row& row : table.rows) seen.emplace(row.label, number(row.label));
  if (seen.size() > most_classes) {
    table.wrong(0, fmt::format("{} different labels; is the last column the label?", seen.size()));
  }
  std::vector<std::pair<std::string, std::optional<double>>> list(seen.begin(), seen.end());
  const bool numbers =
      std::all_of(list.begin(), list.end(), [](const auto& one) { return one.second; });
  if (numbers) {
    std::stable_sort(list.begin(), list.end(),
                     [](const auto& a, const auto& b) { return *a.second < *b.second; });
  }
  std::vector<std::string> names;
  for (const auto& [name, value] : list) names.push_back(one_line(name).substr(0, 200));
  return names;
}

}  // namespace

std::vector<Split> splits_of_csv(const std::string& where) {
  const Table table(where);
  std::vector<Split> splits;
  for (const Split split : {Split::train, Split::val, Split::test}) {
    if (std::any_of(table.rows.begin(), table.rows.end(),
                    [&](const Row& row) { return row.split == to_string(split); })) {
      splits.push_back(split);
    }
  }
  return splits;
}

std::unique_ptr<Source> open_csv(const Request& request) {
  const Table table(request.where);
  Info info{.uri = request.uri, .channels = static_cast<std::int64_t>(table.dimension)};
  info.class_names = classes_of(table);
  std::map<std::string, std::int32_t> number_of;
  for (std::size_t i = 0; i < info.class_names.size(); ++i) {
    number_of.emplace(info.class_names[i], static_cast<std::int32_t>(i));
  }
  std::vector<double> points;
  std::vector<std::int32_t> labels;
  std::size_t wanted = 0;
  for (const Row& row : table.rows) {
    if (row.split != to_string(request.split)) continue;
    ++wanted;
    if (request.limit >= 0 && static_cast<std::int64_t>(wanted) > request.limit) break;
    labels.push_back(number_of.at(one_line(row.label).substr(0, 200)));
    const auto at = table.numbers.begin() + static_cast<std::ptrdiff_t>(row.first);
    points.insert(points.end(), at, at + static_cast<std::ptrdiff_t>(table.dimension));
  }
  if (wanted == 0) {
    table.wrong(0, fmt::format("has no rows of the split '{}': a column 'split' says which are",
                               to_string(request.split)));
  }
  return std::make_unique<PointSource>(std::move(info), std::move(points), std::move(labels));
}

}  // namespace rn::data
