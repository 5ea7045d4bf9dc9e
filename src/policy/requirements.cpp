#include <fmt/core.h>

#include <set>

#include "countersign/base/text.hpp"
#include "countersign/core/groups.hpp"
#include "countersign/core/match.hpp"
#include "policy/reader.hpp"

namespace countersign::policy {

using core::Requirement;

namespace {

// What was perhaps meant by "2 of security", or an example.
std::string count_example(const Node& node) {
    const auto words = split(trim(node.text), ' ');
    const bool of = words.size() == 3 && words[1] == "of" &&
                    words[0].find_first_not_of("0123456789") == std::string::npos;
    return fmt::format("{{ count: {}, of: {} }}", of ? words[0] : "1", of ? visible(words[2]) : "reviewers");
}

}  // namespace

std::vector<std::string> names_in(const std::map<std::string, std::size_t>& index) {
    std::vector<std::string> names;
    for (const auto& [name, at] : index) names.push_back(name);
    return names;
}

std::optional<core::PersonId> read_person_name(NodeReader& reader, const Node& node, const Names& names,
                                               std::string_view what) {
    auto person = reader.text(node, what);
    if (!person || names.people.contains(*person))
        return person ? std::optional{core::PersonId{std::move(*person)}} : std::nullopt;
    reader.error(node, fmt::format("there is no person `{}`{}", visible(*person),
                                   NodeReader::hint(*person, names_in(names.people))));
    return std::nullopt;
}

std::optional<core::GroupId> read_group_name(NodeReader& reader, const Node& node, Names& names,
                                             std::string_view what) {
    auto group = reader.text(node, what);
    if (!group) return std::nullopt;
    if (!names.groups.contains(*group)) {
        reader.error(node, fmt::format("there is no group `{}`{}", visible(*group),
                                       NodeReader::hint(*group, names_in(names.groups))));
        return std::nullopt;
    }
    names.groups_used.insert(*group);
    return core::GroupId{std::move(*group)};
}

std::optional<core::CountOf> read_count_of(NodeReader& reader, const Node& node, Names& names,
                                           std::string_view what) {
    if (!reader.is_map_of(node, what, count_keys.keys)) return std::nullopt;
    const Node* of = NodeReader::find(node, "of");
    const Node* count = NodeReader::find(node, "count");
    if (!of) {
        reader.error(node, fmt::format("{} needs a group: {{ count: 1, of: reviewers }}", what));
        return std::nullopt;
    }
    auto group = read_group_name(reader, *of, names, "`of`");
    std::optional<std::uint32_t> number = 1;
    if (count) number = reader.count(*count);
    if (!group || !number) return std::nullopt;
    return core::CountOf{*number, std::move(*group)};
}

namespace {

// Reads a slot that the request decides.
class SlotReader {
  public:
    SlotReader(NodeReader& reader, const Node& node, Names& names)
        : reader_(reader), node_(node), names_(names) {}

    std::optional<Requirement> read() {
        const Node* of = NodeReader::find(node_, "of");
        const Node* table = NodeReader::find(node_, "of_requester");
        if ((of ? 1 : 0) + (table ? 1 : 0) != 1) {
            reader_.error(node_, "`require` needs a group: { count: 1, of: reviewers }");
            return std::nullopt;
        }
        const Node* count = NodeReader::find(node_, "count");
        auto number = count ? reader_.count(*count) : std::optional<std::uint32_t>{1};
        core::CountFor slot{number.value_or(1), {}};
        const bool good =
            (of ? of_group(*of, slot) : of_requester(*table, slot)) && not_from(slot) && not_last(slot);
        if (!good || !number) return std::nullopt;
        const bool plain = of && slot.one_of.empty() && slot.not_from.empty();
        if (plain) return Requirement{core::CountOf{slot.count, core::GroupId{slot.of}, {}, slot.not_last}};
        return Requirement{std::move(slot)};
    }

  private:
    // Checks the fields of a text like "owners-{labels.project}"; nullopt: findings say what is wrong.
    std::optional<bool> has_fields(const Node& node, std::string_view text) {
        bool any = false;
        while (!text.empty()) {
            const auto open = text.find('{');
            if (open == std::string_view::npos) return any;
            const auto close = text.find('}', open);
            if (close == std::string_view::npos) {
                reader_.error(node, "`{` without `}`: write a field in both, like owners-{labels.project}");
                return std::nullopt;
            }
            if (!is_text_field(reader_, node, text.substr(open + 1, close - open - 1), names_))
                return std::nullopt;
            any = true;
            text.remove_prefix(close + 1);
        }
        return any;
    }

    bool of_group(const Node& of, core::CountFor& slot) {
        auto text = reader_.text(of, "`of`");
        const auto fields = text ? has_fields(of, *text) : std::nullopt;
        if (!fields) return false;
        slot.of = *text;
        const Node* one_of = NodeReader::find(node_, "one_of");
        if (!*fields) {
            if (one_of)
                reader_.error(*one_of, "`one_of` goes with a field in `of`, like owners-{labels.project}");
            return !one_of && read_group_name(reader_, of, names_, "`of`").has_value();
        }
        if (!one_of || one_of->kind != Node::Kind::list || one_of->items.empty()) {
            reader_.error(one_of ? *one_of : of,
                          "say which groups `of` may come to: one_of: [owners-a, owners-b]");
            return false;
        }
        for (const Node& item : one_of->items)
            if (auto group = read_group_name(reader_, item, names_, "`one_of`"))
                slot.one_of.push_back(std::move(*group));
        return slot.one_of.size() == one_of->items.size();
    }

    // `{ riley: ada, sam: leads }`: a person or a group is asked for each.
    bool of_requester(const Node& table, core::CountFor& slot) {
        if (NodeReader::find(node_, "one_of")) {
            reader_.error(node_, "`one_of` goes with a field in `of`, like owners-{labels.project}");
            return false;
        }
        if (table.kind == Node::Kind::scalar) {
            auto word = scalar_value(table);
            slot.managers = word && word->text() == "manager";
            if (!slot.managers)
                reader_.error(table,
                              "`of_requester` is manager, as the chat names them, or a table: { riley: "
                              "ada }");
            return slot.managers;
        }
        if (!reader_.is_map(table, "`of_requester`")) return false;
        if (table.keys.empty()) reader_.error(table, "`of_requester` names nobody: { riley: ada }");
        for (std::size_t i = 0; i < table.keys.size(); ++i) {
            auto person = read_person_name(reader_, table.keys[i], names_, "a person");
            auto target = person_or_group(table.items[i]);
            if (person && target) slot.of_requester.emplace_back(std::move(*person), std::move(*target));
        }
        return !table.keys.empty() && slot.of_requester.size() == table.keys.size();
    }

    std::optional<core::GroupId> person_or_group(const Node& node) {
        auto name = reader_.text(node, "a person or group");
        if (!name) return std::nullopt;
        const bool group = names_.groups.contains(*name);
        const bool person = names_.people.contains(*name);
        if (group && person)
            reader_.error(node, fmt::format("`{}` is a group and a person; call one of them otherwise",
                                            visible(*name)));
        else if (person)
            return core::person_alone(core::PersonId{*name});
        else
            return read_group_name(reader_, node, names_, "a person or group");
        return std::nullopt;
    }

    bool not_from(core::CountFor& slot) {
        const Node* node = NodeReader::find(node_, "not_from");
        if (!node) return true;
        const auto texts = reader_.texts(*node, "`not_from`");
        for (const std::string& text : texts) {
            const auto fields =
                text == core::requesters_groups ? std::optional{true} : has_fields(*node, text);
            if (!fields) return false;
            if (!*fields) {
                Node name = *node;
                name.kind = Node::Kind::scalar;
                name.text = text;
                name.plain = false;
                if (!read_group_name(reader_, name, names_, "`not_from`")) return false;
            }
            slot.not_from.push_back(text);
        }
        return !texts.empty();
    }

    bool not_last(core::CountFor& slot) {
        const Node* node = NodeReader::find(node_, "not_last");
        if (!node) return true;
        if (NodeReader::find(node_, "of_requester")) {
            reader_.error(*node,
                          "`not_last` goes with a group in `of`: with `of_requester` nobody could "
                          "take the place of whoever is asked");
            return false;
        }
        auto value = reader_.scalar(*node, "`not_last`");
        const auto number = value ? value->integer() : std::nullopt;
        if (!number || *number < 1 || *number > std::int64_t{core::not_last_max}) {
            reader_.error(*node, fmt::format("`not_last` is a whole number of requests from 1 to {}",
                                             core::not_last_max));
            return false;
        }
        slot.not_last = static_cast<std::uint32_t>(*number);
        return true;
    }

    NodeReader& reader_;
    const Node& node_;
    Names& names_;
};

// Says where a group stands in two steps of a `then`: nobody could tell whose turn its people have.
void check_steps(NodeReader& reader, const Node& list, const std::vector<Requirement>& steps) {
    std::set<std::string> earlier;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        auto alternatives = core::alternatives_of(steps[i]);
        if (!alternatives) continue;
        std::set<std::string> here;
        for (const core::Slots& slots : *alternatives)
            for (const core::CountOf& one : slots.groups) here.insert(one.of.text());
        for (const std::string& group : here)
            if (earlier.contains(group))
                reader.error(list.items[i],
                             fmt::format("group `{}` stands in an earlier step too; each group has its "
                                         "turn once",
                                         group));
        earlier.merge(here);
    }
}

}  // namespace

std::optional<Requirement> read_requirement(NodeReader& reader, const Node& node, Names& names) {
    if (node.kind != Node::Kind::map) {
        reader.error(node, fmt::format("`require` is a map: {}", count_example(node)));
        return std::nullopt;
    }
    const std::string* word = nullptr;
    for (const std::string& one : requirement_words)
        if (NodeReader::find(node, one)) word = &one;
    if (!word) {
        if (!reader.is_map_of(node, "`require`", slot_keys.keys)) return std::nullopt;
        return SlotReader{reader, node, names}.read();
    }
    if (!reader.is_map_of(node, "`require`", {*word})) return std::nullopt;
    const Node& list = *NodeReader::find(node, *word);
    if (list.kind != Node::Kind::list || list.items.empty()) {
        reader.error(list, "`all`, `any` and `then` take a list of at least one requirement");
        return std::nullopt;
    }
    std::vector<Requirement> of;
    for (const Node& item : list.items) {
        auto one = read_requirement(reader, item, names);
        if (one) of.push_back(std::move(*one));
    }
    if (of.size() != list.items.size()) return std::nullopt;
    if (*word == "all") return Requirement{core::RequireAll{std::move(of)}};
    if (*word == "any") return Requirement{core::RequireAny{std::move(of)}};
    check_steps(reader, list, of);
    return Requirement{core::RequireThen{std::move(of)}};
}

}  // namespace countersign::policy
