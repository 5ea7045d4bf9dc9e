#include "webhooks/bodies.hpp"

#include <utility>

#include "countersign/wire/event.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::webhooks {
namespace {

constexpr std::size_t facts_bytes_max = 256 * 1024;

}  // namespace

Later<BodyPtr> Bodies::of(app::EventRef event, std::string facts, core::SubscriptionId to,
                          Deadline deadline) {
    // A test is one subscription's alone.
    if (!event.index) co_return co_await make(std::move(event), std::move(facts), to, deadline);
    auto id = event.id;
    if (auto it = remembered_.find(id); it != remembered_.end()) co_return it->second;
    if (auto it = making_.find(id); it != making_.end()) {
        auto making = it->second;
        while (!making->done && runtime_.now() < deadline.at)
            co_await making->made.wait_until(runtime_.timers, deadline.at);
        if (!making->done) co_return fail(Trouble::timed_out, "reading the event took too long");
        co_return making->body;
    }
    auto making = std::make_shared<Making>(executor_);
    making_.emplace(id, making);
    making->body = co_await make(std::move(event), std::move(facts), to, deadline);
    making->done = true;
    making_.erase(id);
    making->made.notify_all();
    if (!making->body) co_return making->body;
    if (order_.size() == remembered_max) {
        remembered_.erase(order_.front());
        order_.pop_front();
    }
    if (remembered_.emplace(id, *making->body).second) order_.push_back(id);
    co_return making->body;
}

Later<core::Value> Bodies::request_then(app::EventRef event, std::optional<core::Value> facts,
                                        Deadline deadline) {
    auto now = parts_.waiters.recent(*event.request);
    // What was recorded never changes: a case that knows more knows this, too.
    if (!now || now->c.version() < event.version) {
        auto read = co_await app::read_case(parts_.cases, *event.request, deadline);
        if (!read) co_return pass(read);
        now = std::move(*read);
    }
    auto directory = parts_.roster.snapshot();
    co_return wire::event_data(event.type, now->c, event.version, *directory, event.at,
                               facts ? &*facts : nullptr);
}

Later<BodyPtr> Bodies::make(app::EventRef event, std::string facts, core::SubscriptionId to,
                            Deadline deadline) {
    std::string subject;
    core::Value data = core::Value::object();
    std::optional<core::Value> read_facts;
    if (!facts.empty()) {
        auto read = wire::parse_json(facts, {.bytes_max = facts_bytes_max, .strict = false});
        if (!read) co_return fail(Trouble::corrupt, "what is said of the event is not readable");
        read_facts = std::move(*read);
    }
    if (event.request) {
        subject = event.request->text();
        auto request = co_await request_then(event, std::move(read_facts), deadline);
        if (!request) co_return pass(request);
        data = std::move(*request);
    } else if (!event.index) {
        subject = to.text();
        data.set("subscription", to.text());
    } else if (read_facts) {
        data = std::move(*read_facts);
    }
    wire::EventHead head{
        .id = event.id, .type = event.type, .at = event.at, .subject = subject, .index = event.index};
    auto document = wire::cloud_event(head, source_, std::move(data));
    co_return std::make_shared<const std::string>(core::canonical(document));
}

}  // namespace countersign::webhooks
