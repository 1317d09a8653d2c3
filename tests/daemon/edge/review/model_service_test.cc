#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "faultline/v1/model.grpc.pb.h"
#include "faultline/v1/reference.grpc.pb.h"
#include "tests/daemon/edge/review/review_server.h"
#include "tests/support/wait.h"

namespace faultline::review {
namespace {

using testing::ReviewServer;
using testing::WaitUntil;

class ModelServiceTest : public ::testing::Test {
 protected:
  grpc::Status Create(const std::string& name, const std::string& version,
                      const std::vector<std::string>& signals = {}) {
    v1::CreateModelRequest request;
    request.mutable_model()->set_name(name);
    request.mutable_model()->set_version(version);
    for (const std::string& signal : signals) {
      v1::Signal* added = request.mutable_model()->add_signals();
      added->set_name(signal);
      added->set_type(v1::SIGNAL_TYPE_NUMERIC);
    }
    v1::CreateModelResponse response;
    grpc::ClientContext context;
    return models_->CreateModel(&context, request, &response);
  }
  grpc::Status GetStatus(const std::string& name, v1::GetModelStatusResponse* response) {
    v1::GetModelStatusRequest request;
    request.set_name(name);
    request.set_version("1");
    grpc::ClientContext context;
    return models_->GetModelStatus(&context, request, response);
  }

  ReviewServer server_{ReviewServer::Core::kRunning};
  std::unique_ptr<v1::ModelService::Stub> models_ = v1::ModelService::NewStub(server_.channel());
  std::unique_ptr<v1::ReferenceService::Stub> references_ =
      v1::ReferenceService::NewStub(server_.channel());
};

TEST_F(ModelServiceTest, ListsInPagesByNameAndVersion) {
  for (const char* name : {"c", "a", "b"}) {
    for (const char* version : {"2", ""}) ASSERT_TRUE(Create(name, version, {"x"}).ok());
  }
  v1::ListModelsRequest request;
  request.set_page_size(4);
  std::string order;
  int pages = 0;
  do {
    v1::ListModelsResponse page;
    grpc::ClientContext context;
    ASSERT_TRUE(models_->ListModels(&context, request, &page).ok());
    for (const v1::Model& model : page.models()) {
      order += model.name() + model.version() + " ";
      EXPECT_EQ(model.signals_size(), 0);
    }
    request.set_page_token(page.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(order, "a a2 b b2 c c2 ");
  EXPECT_EQ(pages, 2);
  request.set_page_token("x");
  v1::ListModelsResponse page;
  grpc::ClientContext context;
  EXPECT_EQ(models_->ListModels(&context, request, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ModelServiceTest, CreatesGetsAndDeletes) {
  ASSERT_TRUE(Create("credit", "1", {"income", "age"}).ok());
  EXPECT_EQ(Create("credit", "1").error_code(), grpc::StatusCode::ALREADY_EXISTS);
  v1::GetModelRequest get;
  get.set_name("credit");
  get.set_version("1");
  v1::GetModelResponse got;
  grpc::ClientContext get_context;
  ASSERT_TRUE(models_->GetModel(&get_context, get, &got).ok());
  ASSERT_EQ(got.model().signals_size(), 2);
  EXPECT_EQ(got.model().signals(0).name(), "income");
  EXPECT_EQ(got.model().signals(0).type(), v1::SIGNAL_TYPE_NUMERIC);
  v1::DeleteModelRequest forget;
  forget.set_name("credit");
  forget.set_version("1");
  v1::DeleteModelResponse forgotten;
  grpc::ClientContext delete_context;
  ASSERT_TRUE(models_->DeleteModel(&delete_context, forget, &forgotten).ok());
  grpc::ClientContext again_context;
  EXPECT_EQ(models_->GetModel(&again_context, get, &got).error_message(),
            "there is no model 'credit' version '1'");
  grpc::ClientContext twice_context;
  EXPECT_EQ(models_->DeleteModel(&twice_context, forget, &forgotten).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ModelServiceTest, RefusesHostileNames) {
  EXPECT_EQ(Create("", "1").error_message(), "model.name: must not be empty");
  EXPECT_EQ(Create("a\nb", "1").error_message(), "model.name: has a control character at byte 1");
  EXPECT_EQ(Create("a\xc2\x9b", "1").error_message(),
            "model.name: has a control character at byte 1");
  EXPECT_EQ(Create(std::string(129, 'x'), "1").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Create("a", std::string(65, 'x')).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Create("a", "1", {"x", "x"}).error_message(), "model.signals: 'x' is a duplicate");
  EXPECT_EQ(Create("a", "1", {"x\x07"}).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::GetModelRequest get;
  get.set_name("\x1b[2J");
  v1::GetModelResponse got;
  grpc::ClientContext context;
  EXPECT_EQ(models_->GetModel(&context, get, &got).error_message(), "there is no model '\\x1b[2J'");
}

TEST_F(ModelServiceTest, SaysWhyItIsQuiet) {
  ASSERT_TRUE(Create("credit", "1", {"income"}).ok());
  v1::GetModelStatusResponse status;
  ASSERT_TRUE(GetStatus("credit", &status).ok());
  EXPECT_EQ(status.summary(), "Nothing is judged: no rows have arrived yet.");
  EXPECT_EQ(GetStatus("unknown", &status).error_code(), grpc::StatusCode::NOT_FOUND);

  server_.Feed("credit", 50);
  ASSERT_TRUE(WaitUntil([&] {
    return GetStatus("credit", &status).ok() &&
           status.summary().find("50 of 200") != std::string::npos;
  })) << status.summary();
  ASSERT_EQ(status.signals_size(), 1);
  EXPECT_EQ(status.signals(0).signal().name(), "income");
  EXPECT_EQ(status.signals(0).state(), v1::VERDICT_STATE_CANNOT_TELL);
  EXPECT_EQ(status.model().applied_rows(), 50u);
}

TEST_F(ModelServiceTest, SilencesAndMarksDeployments) {
  ASSERT_TRUE(Create("credit", "1", {"income"}).ok());
  v1::SilenceModelRequest silence;
  silence.set_name("credit");
  silence.mutable_until()->set_seconds(WallNowNs() / 1'000'000'000 + 3'600);
  v1::SilenceModelResponse silenced;
  grpc::ClientContext context;
  ASSERT_TRUE(models_->SilenceModel(&context, silence, &silenced).ok());
  v1::GetModelStatusResponse status;
  ASSERT_TRUE(GetStatus("credit", &status).ok());
  EXPECT_EQ(status.model().silenced_until().seconds(), silence.until().seconds());
  silence.clear_until();
  grpc::ClientContext end_context;
  ASSERT_TRUE(models_->SilenceModel(&end_context, silence, &silenced).ok());
  ASSERT_TRUE(GetStatus("credit", &status).ok());
  EXPECT_FALSE(status.model().has_silenced_until());
  silence.mutable_until()->set_seconds(INT64_MAX);
  grpc::ClientContext hostile_context;
  EXPECT_EQ(models_->SilenceModel(&hostile_context, silence, &silenced).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  v1::RecordDeployRequest deploy;
  deploy.set_name("credit");
  deploy.set_version("1");
  deploy.set_note(std::string(1'025, 'x'));
  v1::RecordDeployResponse deployed;
  grpc::ClientContext long_context;
  EXPECT_EQ(models_->RecordDeploy(&long_context, deploy, &deployed).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  deploy.set_note("hotfix");
  grpc::ClientContext deploy_context;
  EXPECT_TRUE(models_->RecordDeploy(&deploy_context, deploy, &deployed).ok());
}

class ImportTest : public ModelServiceTest {
 protected:
  static v1::ImportReferenceRequest Header() {
    v1::ImportReferenceRequest request;
    request.mutable_header()->set_model("credit");
    request.mutable_header()->set_version("1");
    request.mutable_header()->set_actor("ada");
    return request;
  }
  static v1::ImportReferenceRequest Rows(uint32_t rows, const std::string& column = "income") {
    v1::ImportReferenceRequest request;
    v1::InferenceBatch* batch = request.mutable_rows();
    batch->set_model("another, which is ignored");
    batch->set_rows(rows);
    v1::Column* values = batch->add_columns();
    values->set_name(column);
    for (uint32_t i = 0; i < rows; ++i) values->mutable_doubles()->add_values(i % 17);
    return request;
  }
  grpc::Status Import(const std::vector<v1::ImportReferenceRequest>& messages) {
    grpc::ClientContext context;
    response_.Clear();
    const auto writer = references_->ImportReference(&context, &response_);
    for (const v1::ImportReferenceRequest& message : messages) {
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    return writer->Finish();
  }

  v1::ImportReferenceResponse response_;
};

TEST_F(ImportTest, TakesAReferenceIntoUse) {
  const grpc::Status status = Import({Header(), Rows(300), Rows(100)});
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response_.reference().rows(), 400u);
  EXPECT_TRUE(response_.reference().imported());
  EXPECT_TRUE(response_.reference().active());
  EXPECT_EQ(response_.reference().actor(), "ada");
  v1::GetModelStatusResponse model;
  ASSERT_TRUE(GetStatus("credit", &model).ok());
  ASSERT_EQ(model.signals_size(), 1);
  EXPECT_EQ(model.signals(0).reference_rows(), 400u);

  v1::ListReferencesRequest list;
  list.set_model("credit");
  list.set_version("1");
  v1::ListReferencesResponse listed;
  grpc::ClientContext context;
  ASSERT_TRUE(references_->ListReferences(&context, list, &listed).ok());
  ASSERT_EQ(listed.references_size(), 1);
  EXPECT_EQ(listed.references(0).version(), response_.reference().version());

  v1::RelearnReferenceRequest relearn;
  relearn.set_model("credit");
  relearn.set_version("1");
  v1::RelearnReferenceResponse relearnt;
  grpc::ClientContext relearn_context;
  EXPECT_TRUE(references_->RelearnReference(&relearn_context, relearn, &relearnt).ok());
  relearn.set_version("2");
  grpc::ClientContext unknown_context;
  EXPECT_EQ(references_->RelearnReference(&unknown_context, relearn, &relearnt).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ImportTest, RefusesWhatIsNoImport) {
  EXPECT_EQ(Import({}).error_message(), "the first message must be a header");
  EXPECT_EQ(Import({Rows(1)}).error_message(), "the first message must be a header");
  EXPECT_EQ(Import({Header()}).error_message(), "the import has no rows");
  EXPECT_EQ(Import({Header(), Header()}).error_message(), "only the first message may be a header");
  EXPECT_EQ(Import({Header(), Rows(3), Rows(3, "age")}).error_message(),
            "rows message 2: has no column 'income'");
  v1::ImportReferenceRequest wrong = Rows(3);
  wrong.mutable_rows()->set_rows(4);
  EXPECT_EQ(Import({Header(), wrong}).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::GetModelStatusResponse model;
  EXPECT_EQ(GetStatus("credit", &model).error_code(), grpc::StatusCode::NOT_FOUND)
      << "a refused import changes nothing";
}

TEST_F(ImportTest, IsBoundedInBytes) {
  // limits.reference is 64 KiB here.
  const grpc::Status status =
      Import({Header(), Rows(3'000), Rows(3'000), Rows(3'000), Rows(3'000)});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(status.error_message().find("random sample"), std::string::npos);
  // What it held is free again.
  EXPECT_TRUE(Import({Header(), Rows(3'000)}).ok());
}

TEST_F(ImportTest, OneThatBreaksOffChangesNothing) {
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    v1::ImportReferenceResponse response;
    const auto writer = references_->ImportReference(&context, &response);
    writer->Write(Header());
    writer->Write(Rows(300));
    context.TryCancel();
    EXPECT_FALSE(writer->Finish().ok());
  }
  v1::GetModelStatusResponse model;
  EXPECT_EQ(GetStatus("credit", &model).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace faultline::review
