#include "cli/verb_words.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::cli {
namespace {

constexpr std::string_view example_heading = "Example:\n  ";

// "TEXT:{folder,html}" makes TEXT and the two choices; "UINT:INT in [0 - 9]" makes N.
void read_type(const std::string& type, OptionWords& into) {
    into.value = type.substr(0, type.find(':'));
    if (into.value == "UINT" || into.value == "INT") into.value = "N";
    auto from = type.find('{');
    auto to = type.find('}');
    if (from != type.npos && to != type.npos && from < to)
        into.choices = split(std::string_view{type}.substr(from + 1, to - from - 1), ',');
}

OptionWords words_of(const CLI::Option& option) {
    OptionWords words;
    words.positional = !option.nonpositional();
    if (words.positional) {
        words.names = {option.get_name(true)};
    } else {
        for (const auto& name : option.get_lnames()) words.names.push_back("--" + name);
        for (const auto& name : option.get_snames()) words.names.push_back("-" + name);
    }
    words.does = option.get_description();
    words.required = option.get_required();
    words.repeats = option.get_items_expected_max() > 1;
    if (option.get_items_expected_max() > 0) {
        read_type(option.get_type_name(), words);
        words.fallback = option.get_default_str();
    }
    return words;
}

void collect(const CLI::App& app, const std::vector<std::string>& path, std::vector<VerbWords>& into) {
    VerbWords words;
    words.path = path;
    words.does = app.get_description();
    std::string footer = app.get_footer();
    if (footer.starts_with(example_heading)) words.example = footer.substr(example_heading.size());
    words.takes_command = app.get_positionals_at_end();
    for (const CLI::Option* option : app.get_options()) words.options.push_back(words_of(*option));
    auto below = app.get_subcommands([](const CLI::App* each) { return !each->get_group().empty(); });
    for (const CLI::App* each : below) words.verbs.push_back({each->get_name(), each->get_description()});
    into.push_back(std::move(words));
    for (const CLI::App* each : below) {
        auto longer = path;
        longer.push_back(each->get_name());
        collect(*each, longer, into);
    }
}

}  // namespace

bool OptionWords::names_files() const {
    constexpr std::array<std::string_view, 5> paths{"FILE", "DIR", "FOLDER", "OLD", "NEW"};
    return std::ranges::find(paths, positional ? names.front() : value) != paths.end();
}

std::string VerbWords::name(const std::string& between) const {
    std::string all = "countersign";
    for (const auto& word : path) all += between + word;
    return all;
}

std::vector<VerbWords> words_of(const CLI::App& app) {
    std::vector<VerbWords> all;
    collect(app, {}, all);
    return all;
}

}  // namespace countersign::cli
