#include <fmt/core.h>

#include <algorithm>

#include "countersign/base/text.hpp"
#include "countersign/core/direct.hpp"
#include "countersign/core/match.hpp"
#include "policy/reader.hpp"

namespace countersign::policy {
namespace {

constexpr std::size_t rule_name_chars_max = 200;
constexpr std::int64_t remind_factor_max = 10;

bool has(const std::vector<std::string>& all, const std::string& one) {
    return std::ranges::find(all, one) != all.end();
}

// The keys of one rule, one after the other.
class RuleReader {
  public:
    RuleReader(NodeReader& reader, const Node& node, Names& names, Zones& zones)
        : reader_(reader), node_(node), names_(names), zones_(zones) {}

    std::optional<core::Rule> read();

  private:
    bool name();
    void effect();
    void what_goes_with_require();
    void earlier_requests(const std::string& key, const Node& value);
    void times();
    void deny(const Node& node);
    void deny_in_two_ways(const Node& node);
    void reason(const Node& node);
    void confirm(const Node& node);
    void step_up(const Node& node);
    void visible_to(const Node& node);
    void exclude(const Node& node);
    void claim(const Node& node);
    void hold(const Node& node);
    void remind(const Node& node);
    void remind_less_and_less(const Node& node);
    void notify(const Node& node);
    void escalate(const Node& node);
    void self_approval(const Node& node);
    void unlinked(const Node& node);
    void delegate(const Node& node);
    void shadow();
    void hide(const Node& node);
    const Node* find(std::string_view key) const { return NodeReader::find(node_, key); }

    NodeReader& reader_;
    const Node& node_;
    Names& names_;
    Zones& zones_;
    core::Rule rule_;
};

bool RuleReader::name() {
    const Node* node = find("name");
    if (!node) {
        reader_.error(node_, "a rule needs a `name`, so that people can be told which one applied");
        return false;
    }
    auto text = reader_.text(*node, "`name`");
    if (!text) return false;
    rule_.name = *text;
    if (rule_.name.size() > rule_name_chars_max || printable(rule_.name) != rule_.name ||
        !readable(rule_.name))
        reader_.error(
            *node, fmt::format("`name` must be one visible line of at most {} bytes", rule_name_chars_max));
    return true;
}

void RuleReader::effect() {
    const Node* require = find("require");
    const Node* refuse = find("refuse");
    const Node* allow = find("allow");
    if ((require ? 1 : 0) + (refuse ? 1 : 0) + (allow ? 1 : 0) != 1)
        return reader_.error(node_, "a rule has exactly one of `require`, `refuse` and `allow`");
    if (require) {
        rule_.require = read_requirement(reader_, *require, names_);
        if (!rule_.require) return;
        // A rule that combines to too much by itself would fail every request it matches.
        auto alternatives = core::alternatives_of(*rule_.require);
        if (!alternatives) reader_.error(*require, alternatives.error().detail);
    } else if (refuse) {
        rule_.refuse = reader_.text(*refuse, "`refuse` (the reason)");
    } else {
        auto value = scalar_value(*allow);
        rule_.allow = allow->kind == Node::Kind::scalar && value && value->truth();
        if (!rule_.allow) reader_.error(*allow, "`allow` can only be true");
    }
}

void RuleReader::shadow() {
    const Node* shadow = find("shadow");
    if (!shadow) return;
    auto value = scalar_value(*shadow);
    rule_.shadow = shadow->kind == Node::Kind::scalar && value && value->truth();
    if (!rule_.shadow) reader_.error(*shadow, "`shadow` can only be true");
    if (find("allow"))
        reader_.error(*shadow, "`shadow` puts a `require` or a `refuse` on trial; `allow` asks for nothing");
}

void RuleReader::times() {
    if (const Node* expires = find("expires")) rule_.expires = reader_.duration(*expires, "`expires`");
    if (const Node* grant = find("grant")) rule_.grant = reader_.duration(*grant, "`grant`");
    if (const Node* timezone = find("timezone")) rule_.zone = zones_.read(reader_, *timezone);
}

void RuleReader::deny(const Node& node) {
    if (node.kind == Node::Kind::list) return deny_in_two_ways(node);
    if (node.kind == Node::Kind::map) {
        rule_.deny = read_count_of(reader_, node, names_, "`deny`");
        return;
    }
    auto value = scalar_value(node);
    if (!value || value->text() != "any") reader_.error(node, "`deny` is any, or { count: 2, of: a group }");
}

// `[any, { of: captains }]`: whoever is eligible, and whoever may only say no.
void RuleReader::deny_in_two_ways(const Node& node) {
    const bool any = node.items.size() == 2 && node.items[0].kind == Node::Kind::scalar &&
                     node.items[0].text == "any" && node.items[1].kind == Node::Kind::map;
    if (!any)
        return reader_.error(node, "`deny` is any, { count: 2, of: a group }, or [any, { of: a group }]");
    rule_.deny = read_count_of(reader_, node.items[1], names_, "`deny`");
    rule_.deny_any = true;
}

void RuleReader::reason(const Node& node) {
    auto value = scalar_value(node);
    rule_.reason_required = node.kind == Node::Kind::scalar && value && value->text() == "required";
    if (!rule_.reason_required) reader_.error(node, "`reason` can only be required");
}

void RuleReader::confirm(const Node& node) {
    auto value = scalar_value(node);
    rule_.resource_typed = node.kind == Node::Kind::scalar && value && value->text() == "resource";
    if (!rule_.resource_typed) reader_.error(node, "`confirm` can only be resource");
}

// `oidc`, or `{ oidc: { acr: phr, amr: [mfa] } }`
void RuleReader::step_up(const Node& node) {
    const std::string_view example = "`step_up` is oidc, or { oidc: { acr: phr, amr: [mfa] } }";
    if (node.kind == Node::Kind::scalar) {
        auto value = scalar_value(node);
        if (value && value->text() == "oidc")
            rule_.step_up = core::StepUp{};
        else
            reader_.error(node, std::string{example});
        return;
    }
    if (!reader_.is_map_of(node, "`step_up`", step_up_keys.keys)) return;
    const Node* oidc = NodeReader::find(node, "oidc");
    if (!oidc) return reader_.error(node, std::string{example});
    if (!reader_.is_map_of(*oidc, "`oidc`", sign_in_keys.keys)) return;
    core::StepUp asked;
    auto words = [&](std::string_view key, std::vector<std::string>& to) {
        const Node* its = NodeReader::find(*oidc, key);
        if (!its) return;
        to = reader_.texts(*its, "the " + std::string{key});
        if (to.empty() || to.size() > core::step_up_words_max)
            reader_.error(*its, fmt::format("`{}` takes 1 to {} texts", key, core::step_up_words_max));
    };
    words("acr", asked.acr);
    words("amr", asked.amr);
    rule_.step_up = std::move(asked);
}

void RuleReader::visible_to(const Node& node) {
    const bool list = node.kind == Node::Kind::list;
    if (list && (node.items.empty() || node.items.size() > policy_readers_max))
        return reader_.error(node, fmt::format("`visible_to` takes 1 to {} groups", policy_readers_max));
    auto one = [&](const Node& item) {
        auto group = read_group_name(reader_, item, names_, "`visible_to`");
        if (!group) return;
        if (std::ranges::find(rule_.visible_to, *group) != rule_.visible_to.end())
            return reader_.error(item, fmt::format("`{}` stands in `visible_to` twice", group->text()));
        rule_.visible_to.push_back(std::move(*group));
    };
    if (!list) return one(node);
    for (const Node& item : node.items) one(item);
}

// `[parameters.authors[*], { github: parameters.author }]`
void RuleReader::exclude(const Node& node) {
    const std::string_view example = "`exclude` is a list: [{ github: \"parameters.authors[*]\" }]";
    if (node.kind != Node::Kind::list || node.items.empty() || node.items.size() > policy_excluded_max)
        return reader_.error(node, fmt::format("{}, of at most {}", example, policy_excluded_max));
    for (const Node& item : node.items) {
        core::Exclusion one;
        const Node* field = &item;
        if (item.kind == Node::Kind::map) {
            if (!reader_.is_map_of(item, "`exclude`", exclusion_keys.keys)) continue;
            if (item.keys.size() != 1) {
                reader_.error(item, std::string{example});
                continue;
            }
            one.kind = item.keys.front().text;
            field = &item.items.front();
        }
        auto text = reader_.text(*field, "a field");
        if (!text || !is_text_field(reader_, *field, *text, names_)) continue;
        if (!text->starts_with("parameters") && !text->starts_with("labels.") &&
            !text->starts_with("requester.claims."))
            reader_.error(*field, "`exclude` reads parameters, labels and claims");
        one.field = std::move(*text);
        rule_.exclude.push_back(std::move(one));
    }
}

void RuleReader::claim(const Node& node) {
    if (!reader_.is_map_of(node, "`claim`", claim_keys.keys)) return;
    if (find("refuse")) return reader_.error(node, "`claim` means nothing beside `refuse`");
    core::ClaimTerms terms;
    const Node* not_before = NodeReader::find(node, "not_before");
    const Node* not_when = NodeReader::find(node, "not_when");
    if (!not_before && !not_when)
        return reader_.error(node, "`claim` says when nothing may be claimed: { not_before: 30m }");
    if (not_before)
        terms.not_before = reader_.duration(*not_before, "`not_before`").value_or(core::Duration{});
    if (not_when) terms.not_when = read_condition(reader_, *not_when, Purpose::clock, names_);
    rule_.claim = std::move(terms);
}

void RuleReader::hold(const Node& node) {
    if (!reader_.is_map_of(node, "`hold`", hold_keys.keys)) return;
    const Node* release = NodeReader::find(node, "release");
    if (!release) return reader_.error(node, "`hold` says who may release: { release: a group }");
    rule_.release = read_group_name(reader_, *release, names_, "`release`");
}

// Each gap is `factor` times the one before, for as long as a request of this rule may be pending.
void RuleReader::remind_less_and_less(const Node& node) {
    if (!reader_.is_map_of(node, "`remind`", remind_keys.keys)) return;
    const Node* first = NodeReader::find(node, "first");
    if (!first)
        return reader_.error(node, "`remind` is { first: 10m }, after which each gap doubles, or a list");
    auto gap = reader_.duration(*first, "`first`");
    std::int64_t factor = 2;
    if (const Node* times = NodeReader::find(node, "factor")) {
        auto value = scalar_value(*times);
        auto whole = times->kind == Node::Kind::scalar && value ? value->integer() : std::nullopt;
        if (!whole || *whole < 1 || *whole > remind_factor_max)
            return reader_.error(*times,
                                 fmt::format("`factor` is a whole number from 1 to {}", remind_factor_max));
        factor = *whole;
    }
    if (!gap) return;
    const core::Duration end = rule_.expires.value_or(core::expires_default);
    core::Duration after = *gap;
    for (std::size_t times = 0; times < policy_reminders_max && (times == 0 || after < end); ++times) {
        rule_.remind.push_back(after);
        *gap *= factor;
        after += *gap;
    }
}

void RuleReader::remind(const Node& node) {
    if (node.kind == Node::Kind::map) return remind_less_and_less(node);
    const bool list = node.kind == Node::Kind::list;
    if (list && (node.items.empty() || node.items.size() > policy_reminders_max))
        return reader_.error(node, fmt::format("`remind` takes 1 to {} durations", policy_reminders_max));
    auto one = [&](const Node& item) {
        if (auto after = reader_.duration(item, "`remind`")) rule_.remind.push_back(*after);
    };
    if (!list) return one(node);
    for (const Node& item : node.items) one(item);
}

// `direct` alone stands for every chat.
void RuleReader::notify(const Node& node) {
    if (node.kind != Node::Kind::scalar || node.text != core::direct_channel) {
        rule_.notify = read_channels(reader_, node, "`notify`");
        return;
    }
    for (const core::ChatKind& chat : core::chat_kinds())
        rule_.notify.emplace(chat.surface, std::vector{std::string{core::direct_channel}});
}

void RuleReader::escalate(const Node& node) {
    if (!reader_.is_map_of(node, "`escalate`", escalate_keys.keys)) return;
    const Node* after = NodeReader::find(node, "after");
    const Node* to = NodeReader::find(node, "to");
    if (!after || !to) return reader_.error(node, "`escalate` is { after: 15m, to: { slack: \"#oncall\" } }");
    auto duration = reader_.duration(*after, "`after`");
    auto targets = read_channels(reader_, *to, "`to`");
    if (to->kind == Node::Kind::map && to->keys.empty())
        reader_.error(*to, "`to` names nobody: { slack: \"#oncall\" }");
    for (const auto& [chat, channels] : targets)
        if (std::ranges::find(channels, core::direct_channel) != channels.end())
            reader_.error(*to, "`to` takes channels: `direct` stands under `notify` alone");
    const Node* approvers = NodeReader::find(node, "approvers");
    std::optional<core::GroupId> added;
    if (approvers) added = read_group_name(reader_, *approvers, names_, "`approvers`");
    if (duration) rule_.escalate = core::Escalation{*duration, std::move(targets), std::move(added)};
}

void RuleReader::self_approval(const Node& node) {
    if (!reader_.is_map_of(node, "`self_approval`", self_approval_keys.keys)) return;
    const Node* allow = NodeReader::find(node, "allow");
    if (!allow)
        return reader_.error(node, "`self_approval` names people: { allow: [amy], reason: required }");
    core::SelfApproval self;
    auto one = [&](const Node& item) {
        const bool group = item.kind == Node::Kind::scalar && !names_.people.contains(item.text) &&
                           names_.groups.contains(item.text);
        if (group)
            self.groups.push_back(*read_group_name(reader_, item, names_, "`allow`"));
        else if (auto person = read_person_name(reader_, item, names_, "`allow`"))
            self.allow.push_back(std::move(*person));
    };
    if (allow->kind != Node::Kind::list) one(*allow);
    if (allow->kind == Node::Kind::list && allow->items.empty())
        reader_.error(*allow, "`allow` names at least one person");
    for (const Node& item : allow->items) one(item);
    if (const Node* reason = NodeReader::find(node, "reason")) {
        auto word = scalar_value(*reason);
        self.reason_required = !word || word->text() != "optional";
        if (self.reason_required && (!word || word->text() != "required"))
            reader_.error(*reason, "`reason` is required or optional");
    }
    // It may stand beside `self_approval` as well.
    const Node* review = NodeReader::find(node, "review");
    if (const Node* beside = find("review"); beside && review)
        reader_.error(*beside, "`review` stands in `self_approval` already");
    else if (beside)
        review = beside;
    if (review) self.review = read_review(reader_, *review, names_);
    if (!self.allow.empty() || !self.groups.empty()) rule_.self_approval = std::move(self);
}

void RuleReader::unlinked(const Node& node) {
    auto value = scalar_value(node);
    rule_.unlinked_allowed = node.kind == Node::Kind::scalar && value && value->text() == "allow";
    if (!rule_.unlinked_allowed) reader_.error(node, "`unlinked` can only be allow");
}

void RuleReader::delegate(const Node& node) {
    auto value = scalar_value(node);
    const bool* truth = node.kind == Node::Kind::scalar && value ? value->boolean() : nullptr;
    if (!truth) return reader_.error(node, "`delegate` is true or false");
    rule_.delegate = *truth;
}

void RuleReader::hide(const Node& node) {
    auto pointers = reader_.texts(node, "`hide`");
    if (pointers.size() > policy_hidden_max)
        return reader_.error(node, fmt::format("`hide` takes at most {} pointers", policy_hidden_max));
    for (std::string& pointer : pointers) {
        constexpr std::string_view root = "/parameters/";
        bool good = pointer.starts_with(root) && pointer.size() > root.size() &&
                    pointer.size() <= policy_pattern_chars_max;
        for (std::size_t i = pointer.find('~'); good && i != std::string::npos; i = pointer.find('~', i + 1))
            good = i + 1 < pointer.size() && (pointer[i + 1] == '0' || pointer[i + 1] == '1');
        if (good)
            rule_.hide.push_back(std::move(pointer));
        else
            reader_.error(node, fmt::format("`{}` is not a JSON Pointer to a parameter, like "
                                            "/parameters/password or /parameters/env/*",
                                            visible(pointer)));
    }
}

void RuleReader::what_goes_with_require() {
    for (std::size_t i = 0; i < node_.keys.size(); ++i) {
        const std::string& key = node_.keys[i].text;
        const Node& value = node_.items[i];
        if (has(require_only_keys, key) && !find("require")) {
            reader_.error(node_.keys[i], fmt::format("`{}` means nothing without `require`", key));
            continue;
        }
        if (key == "deny") deny(value);
        if (key == "hold") hold(value);
        if (key == "remind") remind(value);
        if (key == "escalate") escalate(value);
        if (key == "self_approval") self_approval(value);
        if (key == "review" && !find("self_approval"))
            reader_.error(node_.keys[i],
                          "`review` is of approvals of one's own request: it means nothing without "
                          "`self_approval`");
        if (key == "unlinked") unlinked(value);
        if (key == "hide") hide(value);
        if (key == "reason") reason(value);
        if (key == "exclude") exclude(value);
        if (key == "claim") claim(value);
        if (key == "confirm") confirm(value);
        if (key == "step_up") step_up(value);
        if (key == "visible_to") visible_to(value);
        if (key == "delegate") delegate(value);
        if (key == "lower") rule_.lower = read_lower(reader_, value, names_);
        if (key == "session") rule_.session = read_session(reader_, value, names_);
        if (key == "budget" || key == "one_at_a_time") earlier_requests(key, value);
    }
}

void RuleReader::earlier_requests(const std::string& key, const Node& value) {
    if (find("refuse")) return reader_.error(value, fmt::format("`{}` means nothing beside `refuse`", key));
    if (key == "budget") {
        rule_.budgets = read_budgets(reader_, value, rule_.name, names_);
        return;
    }
    if (find("session"))
        reader_.error(value, "`one_at_a_time` does not go with `session`, which lets several go on at once");
    rule_.turns = read_turns(reader_, value, names_);
}

std::optional<core::Rule> RuleReader::read() {
    if (!reader_.is_map_of(node_, "a rule", rule_keys.keys) && node_.kind != Node::Kind::map)
        return std::nullopt;
    rule_.file = reader_.file();
    rule_.at = {node_.line, node_.column};
    if (!name()) return std::nullopt;
    effect();
    shadow();
    times();
    what_goes_with_require();
    if (const Node* accept = find("accept")) read_accepted(reader_, *accept);
    if (const Node* value = find("notify")) notify(*value);
    if (const Node* when = find("when")) {
        auto condition =
            read_condition(reader_, *when, find("allow") ? Purpose::allows : Purpose::tightens, names_);
        if (condition) rule_.when = std::move(*condition);
    }
    if (const Node* unless = find("unless"))
        rule_.unless = read_condition(reader_, *unless, Purpose::excepts, names_);
    return std::move(rule_);
}

}  // namespace

void read_accepted(NodeReader& reader, const Node& node) {
    if (!reader.is_map_of(node, "`accept`", accept_keys.keys)) return;
    for (const Node& reason : node.items) (void)reader.text(reason, "the reason");
}

core::ChannelsByChat read_channels(NodeReader& reader, const Node& node, std::string_view what) {
    core::ChannelsByChat channels;
    if (!reader.is_map_of(node, what, notify_keys.keys)) return channels;
    for (const core::ChatKind& chat : core::chat_kinds())
        if (const Node* its = NodeReader::find(node, chat.name))
            channels.emplace(chat.surface, reader.texts(*its, "a channel"));
    return channels;
}

std::optional<core::Rule> read_rule(NodeReader& reader, const Node& node, Names& names, Zones& zones) {
    return RuleReader{reader, node, names, zones}.read();
}

}  // namespace countersign::policy
