#include "countersign/wire/timeline.hpp"

#include <utility>
#include <variant>

#include "countersign/base/overload.hpp"
#include "countersign/core/surface.hpp"

namespace countersign::wire {
namespace {

using core::Value;

// Fills in who did it, and through what.
class Change {
  public:
    Change(const core::Case& c, const core::Entry& entry, const core::Directory& directory)
        : case_(c),
          directory_(directory),
          value_(Value::object({{"what", core::kind_of(entry)},
                                {"at", core::rfc3339(core::at_of(entry))},
                                {"who", Value{}},
                                {"account", Value{}},
                                {"via", Value{}},
                                {"reason", Value{}}})) {}

    void by(const core::Standing& voter, core::Surface via) {
        value_.set("who", voter.person.text());
        value_.set("account", voter.account.text());
        value_.set("via", core::name_of(via));
    }
    // Whoever asked goes by their own name; an account of a chat says where it was done.
    void by(const core::AccountId& account) {
        const auto& requester = case_.request->requester;
        bool asker = account == requester.account && !core::in_chat(account);
        value_.set("who", asker ? requester.name : directory_.person_of(account).text());
        value_.set("account", account.text());
        value_.set("via",
                   core::in_chat(account) ? core::parts(account).kind : core::name_of(core::Surface::api));
    }
    void because(const std::string& reason) {
        if (!reason.empty()) value_.set("reason", reason);
    }
    void set(std::string_view name, std::string_view value) { value_.set(std::string{name}, value); }
    Value take() { return std::move(value_); }

  private:
    const core::Case& case_;
    const core::Directory& directory_;
    Value value_;
};

}  // namespace

Value change_of(const core::Case& c, const core::Entry& entry, const core::Directory& directory) {
    Change change{c, entry, directory};
    std::visit(Overload{[&](const core::Opened& e) {
                            change.by(c.request->requester.account);
                            change.because(e.dead_end.value_or(c.request->intent));
                        },
                        [&](const core::Voted& e) {
                            change.by(e.voter, e.via);
                            change.set("verdict", core::name_of(e.verdict));
                            change.because(e.reason);
                        },
                        [&](const core::Held& e) {
                            change.by(e.voter, e.via);
                            change.because(e.reason);
                        },
                        [&](const core::Released& e) {
                            change.by(e.voter, e.via);
                            change.because(e.reason);
                        },
                        [&](const core::Cancelled& e) {
                            if (e.approver)
                                change.by(*e.approver, e.via);
                            else
                                change.by(e.by);
                            if (e.narrowed) change.set("narrowed_to", e.narrowed->into.text());
                            change.because(e.reason);
                        },
                        [&](const core::Claimed& e) { change.by(e.by); },
                        [&](const core::Reported& e) {
                            change.by(e.by);
                            change.set("status", e.succeeded ? "succeeded" : "failed");
                            change.because(e.detail);
                        },
                        [&](const core::Used& e) { change.set("request", e.request.text()); },
                        [&](const core::Reviewed& e) {
                            change.by(e.voter, e.via);
                            change.because(e.reason);
                        },
                        [&](const core::Rejudged& e) { change.because(e.dead_end.value_or("")); },
                        [](const auto&) {}},  // what time does: lapses, reminders, escalations
               entry);
    return change.take();
}

Value refused_change(const Value* facts, core::Instant at) {
    auto change = Value::object({{"what", "vote_refused"}, {"at", core::rfc3339(at)}});
    for (const char* name : {"who", "account", "via", "reason"})
        change.set(name, facts != nullptr ? (*facts)[name] : Value{});
    if (facts == nullptr) return change;
    for (const char* name : {"verdict", "why"}) change.set(name, (*facts)[name]);
    return change;
}

Value timeline_of(const core::Case& c, const core::Directory& directory) {
    auto timeline = Value::array();
    const std::size_t all = c.entries.size();
    const std::size_t left_out = all > timeline_changes_max ? all - timeline_changes_max : 0;
    for (std::size_t i = 0; i < all; ++i) {
        if (i == 1 && left_out > 0)
            timeline.push(Value::object({{"what", "omitted"}, {"count", std::size_t{left_out}}}));
        if (i == 0 || i > left_out) timeline.push(change_of(c, c.entries[i], directory));
    }
    return timeline;
}

}  // namespace countersign::wire
