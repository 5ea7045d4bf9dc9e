#include "countersign/wire/leaves.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "countersign/app/events.hpp"
#include "countersign/app/plan.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/time.hpp"
#include "countersign/wire/stored_entry.hpp"
#include "wire/stored_text.hpp"

namespace countersign::wire {

core::EventId event_id_of(core::Instant at, const core::RequestId& request, std::int32_t version,
                          std::size_t place) {
    Sha256 hash = sha256(std::string(as_text(request.bytes())) + std::to_string(version));
    std::array<std::byte, 10> chance{};
    std::copy_n(hash.begin(), chance.size(), chance.begin());
    return app::event_id(at, version, static_cast<std::uint8_t>(place), chance);
}

Result<std::vector<EntryLeaf>> leaves_of(const RecordedStep& step) {
    auto entry = read_stored_entry(step.record);
    if (!entry) return pass(entry);
    core::Instant at = core::at_of(*entry);
    std::vector<EntryLeaf> leaves;
    for (std::string_view type : app::events_of(*entry, step.before, step.after)) {
        core::EventId id = event_id_of(at, step.request, step.version, leaves.size());
        std::string body = leaf_body(Leaf{.type = type,
                                          .id = id,
                                          .at = at,
                                          .request = step.request,
                                          .version = step.version,
                                          .state = step.after,
                                          .digest = step.digest,
                                          .policy = step.policy,
                                          .entry_body = step.record,
                                          .person = {},
                                          .why = {}});
        leaves.push_back({id, at, type, std::move(body)});
    }
    return leaves;
}

std::string leaf_body(const Leaf& leaf) {
    StoredWriter w(nullptr);
    w.begin().key("digest").text(leaf.digest);
    if (!leaf.entry_body.empty()) w.key("entry_sha256").text(sha256_hex(leaf.entry_body));
    if (!leaf.facts.empty()) w.key("facts_sha256").text(leaf.facts);
    w.key("id").text(leaf.id.text()).key("occurred_at").text(core::rfc3339(leaf.at));
    if (!leaf.person.empty()) w.key("person").text(leaf.person);
    w.key("policy").text(leaf.policy).key("request_id").text(leaf.request.text());
    w.key("state").text(name_of(leaf.state)).key("type").text(leaf.type).key("v").whole(1);
    w.key("version").whole(leaf.version);
    if (!leaf.why.empty()) w.key("why").text(leaf.why);
    w.end();
    return w.take();
}

Result<LeafFacts> read_leaf(std::string_view text) {
    auto value = parse_stored(text);
    if (!value) return pass(value);
    StoredReader r(*value);
    LeafFacts facts;
    facts.act = r.member("state").is_null();
    if (facts.act) {
        facts.subject = r.maybe_text("subject").value_or("");
    } else {
        facts.version = static_cast<std::int32_t>(r.whole("version"));
        facts.state = r.known(core::parse_state(r.text("state")));
    }
    if (!r.ok()) return not_ours("event");
    return facts;
}

std::string leaf_body(const app::AdminEvent& event) {
    StoredWriter w(nullptr);
    w.begin().key("facts_sha256").text(sealed(event.salt, core::canonical(event.facts)));
    w.key("id").text(event.id.text()).key("occurred_at").text(core::rfc3339(event.at));
    if (event.request) w.key("request_id").text(event.request->text());
    if (!event.subject.empty()) w.key("subject").text(event.subject);
    w.key("type").text(name_of(event.act)).key("v").whole(1).end();
    return w.take();
}

}  // namespace countersign::wire
