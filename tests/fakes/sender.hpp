#pragma once
#include <string_view>

#include "countersign/app/webhooks.hpp"

namespace countersign::test {

// Would send anywhere, and never sends.
struct FakeSender final : app::WebhookSender {
    Result<Done> acceptable(std::string_view) const override { return Done{}; }
    void look(const core::LaneId&) override {}
};

}  // namespace countersign::test
