#include "countersign/app/look_ups.hpp"

#include <utility>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"

namespace countersign::app {

LookUps::LookUps(const Runtime& runtime, Way way, rt::asio::any_io_executor executor)
    : runtime_(runtime),
      way_(std::move(way)),
      task_name_(way_.area + " look-up"),
      executor_(executor),
      tasks_(executor, under_way_max, rt::report_bug) {}

Later<Done> LookUps::finish(std::vector<std::string> keys, Deadline deadline) {
    std::vector<FlightPtr> all;
    for (const std::string& key : keys) {
        auto flight = look_up(key);
        if (!flight)
            co_return fail(Trouble::overloaded, "too many look-ups in " + way_.chat + " are under way");
        all.push_back(std::move(flight));
    }
    for (const FlightPtr& flight : all) {
        if (!flight->over) {
            bool landed = co_await flight->landed.wait_until(runtime_.timers, deadline.at);
            if (!landed) co_return fail(Trouble::unavailable, way_.chat + " did not answer in time");
        }
        if (flight->failure) co_return std::unexpected(*flight->failure);
    }
    co_return Done{};
}

void LookUps::again(const std::string& key) {
    if (auto it = flights_.find(key); it != flights_.end()) it->second->again = true;
}

void LookUps::all_again() {
    for (auto& [key, flight] : flights_) flight->again = true;
}

rt::asio::awaitable<void> LookUps::end(core::Instant deadline) {
    co_await tasks_.end(runtime_.timers, deadline);
}

LookUps::FlightPtr LookUps::look_up(const std::string& key) {
    if (auto it = flights_.find(key); it != flights_.end()) return it->second;
    auto flight = std::make_shared<Flight>(executor_);
    flights_.emplace(key, flight);
    if (tasks_.start(task_name_, fly(key, flight))) return flight;
    flights_.erase(key);
    return nullptr;
}

rt::asio::awaitable<void> LookUps::fly(std::string key, FlightPtr flight) {
    // Whoever waits must hear of the end, however it comes.
    struct Landing {
        LookUps& self;
        const std::string& key;
        FlightPtr& flight;
        ~Landing() {
            self.flights_.erase(key);
            flight->over = true;
            flight->landed.notify_all();
        }
    } landing{*this, key, flight};
    flight->failure = Failure{Trouble::cancelled, "the look-up in " + way_.chat + " was ended", {}, {}};
    for (int round = 0; round < rounds_max; ++round) {
        flight->again = false;
        auto fetched = co_await way_.fetch(key);
        if (!fetched) {
            flight->failure = std::move(fetched).error();
            way_.failed();
            log::warn(way_.area, "could not look up {}: {}", visible(key), flight->failure->detail);
            co_return;
        }
        flight->failure.reset();
        if (!flight->again) co_return;
        way_.doubt(key);
    }
}

}  // namespace countersign::app
