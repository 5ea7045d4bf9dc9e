#include "core/card_what.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/card_compared.hpp"
#include "core/card_mixed.hpp"
#include "core/card_runs.hpp"
#include "core/folders.hpp"
#include "core/parameters.hpp"
#include "core/shown.hpp"
#include "core/terraform.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/hidden.hpp"

// What is asked for: parameters in the form in which people read such things.
namespace countersign::core {
namespace {

using Part = CardSection::Part;

constexpr std::size_t looked_at_max = 40;              // parameters that a card looks at
constexpr std::size_t parameters_counted_max = 1'000;  // parameters that are counted one by one
constexpr std::size_t command_rows_max = 8;
constexpr std::size_t raw_rows_max = 12;
constexpr std::size_t raw_rows_min = 3;           // less of a text is not worth its label
constexpr std::size_t value_rows_max = 3;         // of one that is cut
constexpr std::size_t whole_value_rows_max = 12;  // of one that is not
constexpr std::size_t what_rows_usual = 12;       // with fewer, single values are cut to one row
constexpr std::size_t mixed_words_shown_max = 3;

// Parameters as `countersign run` files them: the words of a command, and what it is run with.
struct RunCommand {
    const Value::Array* argv;
    const std::string* cwd;
    const Value::Object* attachments;  // nullptr: none
    const Value* path;                 // of the executable
};
std::optional<RunCommand> run_command(const CardView& card) {
    if (!card.parameters) return std::nullopt;
    const Value& all = *card.parameters;
    RunCommand run{all["argv"].items(), all["cwd"].string(), all["attachments"].members(),
                   &all["executable"]["path"]};
    if (run.argv == nullptr || run.argv->empty() || run.cwd == nullptr) return std::nullopt;
    if (run.path->string() == nullptr) return std::nullopt;
    for (const Value& word : *run.argv)
        if (word.string() == nullptr && !is_commitment(word)) return std::nullopt;
    return run;
}

std::string word_path(std::size_t index) {
    return fmt::format("argv[{}]", index);
}

// The words of a command, as a shell would take them. Texts with line ends stand below it.
std::string shell_text(const Value& word, std::size_t index) {
    if (is_commitment(word)) return std::string{hidden_text};
    if (is_raw(word)) return fmt::format("<{}, below>", word_path(index));
    return shell_word(word.text(), index == 0);
}

struct Command {
    std::string line;
    std::size_t words_left = 0;
};
Command command_line(const Value::Array& argv, std::size_t columns_max) {
    Command command{"$", 0};
    std::size_t columns = 1;
    for (std::size_t i = 0; i < argv.size(); ++i) {
        const std::size_t room = columns_max == 0 ? 0 : columns_max - columns;
        const bool long_word = columns_max != 0 && argv[i].text().size() > room && !is_raw(argv[i]);
        std::string word = long_word && i > 0 ? std::string{} : shell_text(argv[i], i);
        const std::size_t its_columns = columns_of(word);
        if (columns_max != 0 && (long_word || its_columns + 1 > room)) {
            command.words_left = argv.size() - i;
            if (room > card_columns && !is_raw(argv[i]))
                command.line += " " + prose_excerpt(argv[i].text(), room - 1).text;
            return command;
        }
        columns += its_columns + 1;
        command.line += " " + word;
    }
    return command;
}

// "in /srv/jobs · runs /opt/x/export.sh · 1 file attached: export.sql". The executable is not named where the
// command's first word is its path.
struct Surroundings {
    CardLine line;
    bool whole = true;
};
Surroundings run_with(const RunCommand& run, std::size_t columns_max) {
    Surroundings with;
    auto fact = [&](std::string_view before, std::string_view hostile) {
        with.line.push_back(words(std::string{before}));
        auto shown = columns_max == 0 ? Excerpt{} : prose_excerpt(hostile, columns_max);
        with.whole = with.whole && shown.whole;
        with.line.push_back(literal(columns_max == 0 || shown.whole ? quoted_text(hostile) : shown.text));
    };
    fact("in ", *run.cwd);
    if (*run.path != run.argv->front()) fact(" · runs ", run.path->text());
    if (run.attachments == nullptr || run.attachments->empty()) return with;
    with.line.push_back(words(fmt::format(" · {} attached: ", count_of(run.attachments->size(), "file"))));
    std::size_t columns = 0;
    std::size_t named_files = 0;
    for (const auto& [file, digest] : *run.attachments) {
        if (columns_max != 0 && columns + file.size() + 2 > columns_max) {
            with.whole = false;
            with.line.push_back(
                words(fmt::format(" and {} more in Details", run.attachments->size() - named_files)));
            break;
        }
        std::string name = quoted_text(file, ", ");
        columns += columns_of(name) + 2;
        if (named_files++ > 0) with.line.push_back(words(", "));
        with.line.push_back(literal(std::move(name)));
    }
    return with;
}

// Says whether the command and the line below it show a parameter of it already.
bool shown_with_command(const RunCommand& run, const Parameter& one) {
    if (one.path == "cwd") return true;
    if (one.value == run.path) return true;
    if (one.path.starts_with("argv[")) return !is_raw(*one.value);
    return run.attachments != nullptr && one.path.starts_with("attachments") && long_digest(*one.value) &&
           std::ranges::any_of(*run.attachments, [&](const auto& file) { return &file.second == one.value; });
}

std::optional<PlanSummary> plan_of(const CardView& card) {
    return card.parameters ? plan_summary((*card.parameters)["plan"]) : std::nullopt;
}

// ---- a card

class What {
  public:
    What(const CardView& card, std::size_t rows)
        : card_(card), rows_(rows), run_(run_command(card)), plan_(plan_of(card)) {}

    WhatText write() {
        facts();
        look_at_parameters();
        mixed_words();
        // It has rows of its own, so that whether all is shown does not depend on what was approved before.
        const std::size_t compared_rows = rows_ < what_rows_usual ? 3 : compared_rows_max;
        if (auto section = compared(card_, compared_rows); !section.lines.empty())
            out_.sections.push_back(std::move(section));
        command();
        plans();
        for (const Parameter& one : raw_) raw(one);
        table();
        details_only();
        labels();
        if (!facts_.lines.empty()) out_.sections.insert(out_.sections.begin(), std::move(facts_));
        return std::move(out_);
    }

  private:
    std::size_t columns(std::size_t rows) const { return rows * card_columns; }
    void spend(std::size_t rows) { rows_ -= std::min(rows_, rows); }
    void cut() { out_.whole = false; }
    void add(CardSection section) {
        spend(rows_of(section));
        out_.sections.push_back(std::move(section));
    }
    void fact(CardLine line) {
        spend(rows_of(line));
        facts_.lines.push_back(std::move(line));
    }

    // What the headline has no room for, and the resource.
    void facts() {
        if (headline_text(card_).ends_with("…")) {
            auto action = prose_excerpt(card_.action, columns(value_rows_max));
            if (!action.whole) cut();
            CardLine line{strong("Action "), literal(action.text)};
            if (card_.environment) {
                auto where = prose_excerpt(*card_.environment, columns(value_rows_max));
                if (!where.whole) cut();
                line.push_back(words(" → "));
                line.push_back(literal(where.whole ? quoted_text(*card_.environment) : where.text));
            }
            fact(std::move(line));
        }
        if (!card_.resource) return;
        auto shown = prose_excerpt(*card_.resource, columns(rows_ < what_rows_usual ? 1 : value_rows_max));
        if (!shown.whole) cut();
        fact({strong("Resource "), literal(shown.whole ? quoted_text(*card_.resource) : shown.text)});
    }

    void look_at_parameters() {
        if (!card_.parameters) return;
        // A plan's JSON is for programs: it is counted, and read in Details.
        const Value& plan = (*card_.parameters)["plan"];
        const bool counted = plan_ && plan.members() != nullptr;
        std::vector<const Value*> without;
        if (counted) without.push_back(&plan);
        if (run_) without.push_back(&(*card_.parameters)["argv"]);
        if (run_) see_words(*run_->argv);
        std::size_t seen = 0;
        each_parameter(
            *card_.parameters,
            [&](Parameter one) {
                if (++seen > looked_at_max) return false;
                see(std::move(one));
                return true;
            },
            without);
        if (counted) left_out_ = count_parameters(plan, parameters_counted_max);
        if (seen > looked_at_max)
            left_out_ = count_parameters(*card_.parameters, parameters_counted_max) - looked_at_max;
    }
    // The words of a command that stand below it.
    void see_words(const Value::Array& argv) {
        for (std::size_t i = 0; i < argv.size(); ++i)
            if (is_raw(argv[i])) raw_.push_back({word_path(i), &argv[i]});
    }
    void see(Parameter one) {
        if (run_ && shown_with_command(*run_, one)) return;
        // What is nothing at all still is something that was asked.
        if (one.path.empty()) return table_.push_back(std::move(one));
        if (is_raw(*one.value)) return raw_.push_back(std::move(one));
        if (!is_commitment(*one.value) && (is_empty_value(*one.value) || long_digest(*one.value)))
            return details_only_.push_back(std::move(one));
        table_.push_back(std::move(one));
    }

    void mixed_words() {
        constexpr std::size_t text_bytes_max = 2'048;
        const std::size_t shown = rows_ < what_rows_usual ? 1 : mixed_words_shown_max;
        MixedWords mixed{text_bytes_max, shown};
        mixed.look_beside_parameters(card_);
        if (run_)
            for (std::size_t i = 0; i < run_->argv->size() && i < looked_at_max; ++i)
                mixed.look((*run_->argv)[i].text());
        for (const auto* some : {&raw_, &table_})
            for (const Parameter& one : *some) {
                mixed.look(one.path);
                mixed.look(one.value->text());
            }
        for (CardLine& line : mixed.lines(shown)) fact(std::move(line));
    }

    void command() {
        if (!run_) return;
        const std::size_t rows = std::min(command_rows_max, std::max<std::size_t>(rows_ / 2, 1));
        auto command = command_line(*run_->argv, columns(rows));
        CardSection section{Part::what};
        section.raw = std::move(command.line);
        if (command.words_left > 0) {
            cut();
            section.note = fmt::format("… {} in Details", count_of(command.words_left, "more word"));
        }
        add(std::move(section));
        constexpr std::size_t with_rows = 3;
        if (rows_ < with_rows) {
            cut();
            ++left_out_;
            return;
        }
        auto with = run_with(*run_, columns(rows_ < what_rows_usual ? 1 : 2));
        if (!with.whole) cut();
        add({Part::what, {}, {std::move(with.line)}});
    }

    void plans() {
        if (!plan_) return;
        CardSection section{Part::what};
        section.lines.push_back({strong(plan_counts_text(*plan_))});
        if (plan_->from_text && rows_ > 2) section.lines.back().push_back(quiet(" (counted from the text)"));
        constexpr std::size_t changes_shown_max = 4;
        for (const PlanChange& one : plan_->gravest) {
            if (section.lines.size() > std::min(changes_shown_max, rows_ / 2) ||
                one.kind == PlanChange::Kind::add)
                break;
            section.lines.push_back({words(fmt::format("{} ", sign_of(one.kind))), named(one.address)});
        }
        add(std::move(section));
    }

    void raw(const Parameter& one) {
        const std::string& text = *one.value->string();
        const std::size_t kept = std::min<std::size_t>(table_.size(), 3) + 2;
        const std::size_t room = rows_ > kept ? rows_ - kept : 0;
        CardSection section{Part::what};
        if (room < raw_rows_min + 1) {
            cut();
            auto label = raw_text(text, {1, card_columns}).label;
            section.lines.push_back({strong(parameter_name(one.path)), words(" · " + label + ": Details")});
            return rows_ > 0 ? add(std::move(section)) : void(++left_out_);
        }
        auto shown = raw_text(text, {std::min(room - 1, raw_rows_max), card_columns});
        section.lines.push_back({strong(parameter_name(one.path)), words(" · " + shown.label)});
        section.raw = std::move(shown.text);
        if (!shown.left.empty()) {
            cut();
            section.note = shown.left + ": Details";
        }
        add(std::move(section));
    }

    // A value that can stand there whole does, if each of the `others` behind it still has a row: a card that
    // was cut takes a second look to be approved.
    Excerpt shown_in_table(const Value& value, std::size_t others) const {
        const std::size_t usual = std::min(value_rows_max, rows_ - 1);
        const std::size_t room = rows_ - 1 > others ? rows_ - 1 - others : 1;
        const std::size_t columns_max = columns(std::max(usual, std::min(whole_value_rows_max, room)));
        auto shown = shown_value(value, columns_max);
        if (shown.whole) return shown;
        auto folded = folded_folders(value.text());
        if (folded && columns_of(*folded) <= columns_max) return {std::move(*folded), true};
        return shown_value(value, columns(usual));
    }

    void table() {
        CardSection section{Part::what};
        CardLine line;
        std::size_t columns_of_line = 0;
        auto flush = [&] {
            if (line.empty()) return;
            spend(rows_of(line));
            section.lines.push_back(std::exchange(line, {}));
            columns_of_line = 0;
        };
        for (std::size_t i = 0; i < table_.size(); ++i) {
            if (rows_ <= 1) {
                left_out_ += table_.size() - i;
                break;
            }
            const auto& [path, value] = table_[i];
            std::string name = path.empty() ? std::string{} : parameter_name(path);
            const std::size_t name_columns = columns_of(name);
            if (name_columns > columns(value_rows_max)) {
                left_out_ += table_.size() - i;
                break;
            }
            auto shown = shown_in_table(*value, table_.size() - i - 1);
            if (!shown.whole) cut();
            const std::size_t wanted = name_columns + 1 + columns_of(shown.text);
            if (!line.empty() && columns_of_line + 3 + wanted > card_columns) flush();
            if (!line.empty()) columns_of_line += 3;
            if (!line.empty()) line.push_back(words(" · "));
            if (!name.empty()) line.push_back(strong(std::move(name) + " "));
            line.push_back(literal(std::move(shown.text)));
            columns_of_line += wanted;
        }
        flush();
        // Where not all is shown, what is never shown needs no row of its own.
        if (left_out_ > 0 && rows_ <= 1) left_out_ += std::exchange(details_only_, {}).size();
        if (left_out_ > 0) {
            cut();
            const bool all = left_out_ + looked_at_max < parameters_counted_max;
            labels_counted_ = rows_ <= 1 && !card_.labels.empty();
            section.lines.push_back({words(fmt::format(
                "and {}{}{} in Details", all ? "" : "at least ", count_of(left_out_, "more parameter"),
                labels_counted_ ? " and " + count_of(card_.labels.size(), "label") : ""))});
        }
        if (card_.hidden > 0)
            section.note = fmt::format(
                "{} ({}). The rules were applied to what is really there.",
                card_.hidden == 1 ? "1 value is hidden" : fmt::format("{} values are hidden", card_.hidden),
                hidden_text);
        if (!section.lines.empty() || !section.note.empty()) add(std::move(section));
    }

    // Named all the same, so that two requests that differ in them do not look alike.
    void details_only() {
        if (details_only_.empty()) return;
        CardLine line{words("In Details: ")};
        std::size_t columns_of_line = 0;
        for (std::size_t i = 0; i < details_only_.size(); ++i) {
            const auto& [path, value] = details_only_[i];
            const std::string name = parameter_name(path);
            columns_of_line += columns_of(name) + 10;
            if (columns_of_line > columns(rows_ < 2 ? 2 : value_rows_max)) {
                cut();
                line.push_back(words(fmt::format(" and {} more", details_only_.size() - i)));
                break;
            }
            if (i > 0) line.push_back(words(", "));
            line.push_back(literal(name));
            line.push_back(words(long_digest(*value) ? " (digest)" : " " + canonical(*value)));
        }
        add({Part::what, {}, {std::move(line)}});
    }

    void labels() {
        if (card_.labels.empty() || labels_counted_) return;
        CardLine line;
        std::size_t columns_of_line = 0;
        for (std::size_t i = 0; i < card_.labels.size(); ++i) {
            const auto& [name, value] = card_.labels[i];
            std::string shown = quoted_text(name, "=") + "=" + quoted_text(value);
            columns_of_line += columns_of(shown) + 1;
            if (columns_of_line > columns(std::min<std::size_t>(rows_, 2))) {
                line.push_back(
                    words(fmt::format("{}{}: Details", i == 0 ? "" : " and ",
                                      count_of(card_.labels.size() - i, i == 0 ? "label" : "more label"))));
                break;
            }
            if (i > 0) line.push_back(words(" "));
            line.push_back(literal(std::move(shown)));
        }
        add({Part::labels, {}, {std::move(line)}});
    }

    const CardView& card_;
    std::size_t rows_;
    const std::optional<RunCommand> run_;
    const std::optional<PlanSummary> plan_;
    WhatText out_;
    CardSection facts_{Part::what};
    std::vector<Parameter> raw_;
    std::vector<Parameter> table_;
    std::vector<Parameter> details_only_;
    std::size_t left_out_ = 0;
    bool labels_counted_ = false;  // beside the parameters that are left out
};

}  // namespace

WhatText what_is_asked(const CardView& card, std::size_t rows_max) {
    return What{card, rows_max}.write();
}

std::vector<CardSection> all_that_is_asked(const CardView& card) {
    std::vector<CardSection> sections;
    if (!card.parameters) return sections;
    const auto run = run_command(card);
    if (run) {
        CardSection section{Part::what, "Command"};
        section.raw = command_line(*run->argv, 0).line;
        sections.push_back(std::move(section));
        sections.push_back({Part::what, {}, {run_with(*run, 0).line}});
    }
    if (const auto plan = plan_of(card))
        sections.push_back({Part::what, "Plan", {{strong(plan_counts_text(*plan))}}});
    CardSection table{Part::parameters, "Parameters"};
    std::vector<CardSection> raws;
    each_parameter(*card.parameters, [&](const Parameter& one) {
        if (run && shown_with_command(*run, one) && !one.path.starts_with("attachments")) return true;
        if (!is_raw(*one.value)) {
            const std::string name = one.path.empty() ? std::string{} : parameter_name(one.path) + " = ";
            table.lines.push_back({literal(name + shown_value(*one.value))});
            return true;
        }
        auto shown = raw_text(*one.value->string(), {0, card_columns});
        CardSection section{Part::what};
        section.lines.push_back({strong(parameter_name(one.path)), words(" · " + shown.label)});
        section.raw = std::move(shown.text);
        raws.push_back(std::move(section));
        return true;
    });
    std::ranges::move(raws, std::back_inserter(sections));
    if (card.hidden > 0)
        table.note = fmt::format("{} is hidden ({}).", count_of(card.hidden, "value"), hidden_text);
    if (!table.lines.empty()) sections.push_back(std::move(table));
    return sections;
}

}  // namespace countersign::core
