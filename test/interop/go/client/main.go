// A stock Go client that goes through the scenario of ../../scenario.ts and prints what it saw as JSON.
//
//	client RELAY TARGET
//
// RELAY is the relay's gRPC address, TARGET the URL that jobs are sent to.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	fieldpost "example.com/client/gen/fieldpost/v1"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func asJSON(message proto.Message) map[string]any {
	var object map[string]any
	bytes := must(protojson.MarshalOptions{UseProtoNames: true}.Marshal(message))
	if err := json.Unmarshal(bytes, &object); err != nil {
		log.Fatal(err)
	}
	return object
}

// The names that the specification gives the codes; Go's own are in another case.
var codeNames = map[codes.Code]string{
	codes.InvalidArgument:    "INVALID_ARGUMENT",
	codes.DeadlineExceeded:   "DEADLINE_EXCEEDED",
	codes.NotFound:           "NOT_FOUND",
	codes.AlreadyExists:      "ALREADY_EXISTS",
	codes.ResourceExhausted:  "RESOURCE_EXHAUSTED",
	codes.FailedPrecondition: "FAILED_PRECONDITION",
	codes.Unimplemented:      "UNIMPLEMENTED",
}

// What a failed call says.
func errorOf[T any](_ T, err error) map[string]any {
	failed, ok := status.FromError(err)
	if !ok || err == nil {
		log.Fatalf("no status: %v", err)
	}
	details := []any{}
	for _, detail := range failed.Details() {
		message, ok := detail.(proto.Message)
		if !ok {
			log.Fatalf("a detail that is not known: %v", detail)
		}
		object := asJSON(message)
		object["type"] = string(message.ProtoReflect().Descriptor().Name())
		object["unpacked"] = true
		details = append(details, object)
	}
	return map[string]any{"code": codeNames[failed.Code()], "message": failed.Message(), "details": details}
}

func main() {
	address, target := os.Args[1], os.Args[2]
	connection := must(grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer connection.Close()
	relay := fieldpost.NewRelayServiceClient(connection)
	health := healthpb.NewHealthClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()

	job := func(path string) *fieldpost.Job {
		http := &fieldpost.HttpTarget{Method: "POST", Url: target + path}
		return &fieldpost.Job{Target: &fieldpost.Job_Http{Http: http}}
	}
	get := func(name string, paths ...string) (*fieldpost.Job, error) {
		request := &fieldpost.GetJobRequest{Name: name}
		if len(paths) > 0 {
			request.ReadMask = &fieldmaskpb.FieldMask{Paths: paths}
		}
		return relay.GetJob(ctx, request)
	}
	check := func(service string) (*healthpb.HealthCheckResponse, error) {
		return health.Check(ctx, &healthpb.HealthCheckRequest{Service: service})
	}
	cancelJob := func(name string) (*fieldpost.Job, error) {
		return relay.CancelJob(ctx, &fieldpost.CancelJobRequest{Name: name})
	}
	report := map[string]any{}

	report["health"] = []any{asJSON(must(check(""))), asJSON(must(check("fieldpost.v1.RelayService")))}
	report["health_unknown"] = errorOf(check("fieldpost.v1.Nothing"))

	full := job("/full")
	full.Priority = 3
	full.MaxAttempts = 4
	full.AttemptTimeout = durationpb.New(7500 * time.Millisecond)
	full.Labels = map[string]string{"team": "field", "kind": "post"}
	full.GetHttp().Headers = []*fieldpost.Header{
		{Name: "content-type", Value: "application/octet-stream"},
		{Name: "x-twice", Value: "1"},
		{Name: "x-twice", Value: "2"},
	}
	for value := range 256 {
		full.GetHttp().Body = append(full.GetHttp().Body, byte(value))
	}
	request := &fieldpost.EnqueueRequest{Job: full, JobId: "full"}
	traced := metadata.AppendToOutgoingContext(ctx, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	report["enqueued"] = asJSON(must(relay.Enqueue(traced, request)))
	report["duplicate"] = errorOf(relay.Enqueue(ctx, request))
	traced = metadata.AppendToOutgoingContext(ctx, "uber-trace-id", "1af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:1")
	report["jaeger"] = asJSON(must(relay.Enqueue(traced, &fieldpost.EnqueueRequest{Job: job("/jaeger")})))

	for must(get("jobs/full", "finish_time")).FinishTime == nil {
		time.Sleep(20 * time.Millisecond)
	}
	report["whole"] = asJSON(must(get("jobs/full")))
	report["masked"] = asJSON(must(get("jobs/full", "state", "http.body", "labels.team", "response.status", "attempts.*.http_status")))
	report["bad_mask"] = errorOf(get("jobs/full", "state", "stat"))
	report["not_found"] = errorOf(get("jobs/nothing"))

	scheduleTime := timestamppb.New(time.Date(2999, 12, 31, 23, 59, 59, 250_000_000, time.UTC))
	later := []*fieldpost.EnqueueRequest{}
	for index := range 25 {
		one := job("/later")
		one.ScheduleTime = scheduleTime
		one.Labels = map[string]string{"index": fmt.Sprint(index)}
		later = append(later, &fieldpost.EnqueueRequest{Job: one, JobId: fmt.Sprintf("later-%d", index)})
	}
	report["batch"] = asJSON(must(relay.BatchEnqueue(ctx, &fieldpost.BatchEnqueueRequest{Requests: later})))

	pages := [][]any{}
	for token := ""; len(pages) == 0 || token != ""; {
		page := must(relay.ListJobs(ctx, &fieldpost.ListJobsRequest{
			PageSize:  10,
			PageToken: token,
			ReadMask:  &fieldmaskpb.FieldMask{Paths: []string{"name", "schedule_time", "labels"}},
		}))
		jobs := []any{}
		for _, one := range page.Jobs {
			jobs = append(jobs, asJSON(one))
		}
		pages = append(pages, jobs)
		token = page.NextPageToken
	}
	report["pages"] = pages

	report["cancelled"] = asJSON(must(cancelJob("jobs/later-0")))
	report["cancelled_again"] = asJSON(must(cancelJob("jobs/later-0")))
	report["too_late"] = errorOf(cancelJob("jobs/full"))

	bad := job("/bad")
	bad.Priority = 10
	bad.Labels = map[string]string{"Upper": "x"}
	bad.GetHttp().Headers = []*fieldpost.Header{{Name: "host", Value: "x"}}
	report["invalid"] = errorOf(relay.Enqueue(ctx, &fieldpost.EnqueueRequest{Job: bad, JobId: "/"}))
	mixed := []*fieldpost.EnqueueRequest{{Job: job("/mixed")}, {Job: &fieldpost.Job{}}}
	report["batch_invalid"] = errorOf(relay.BatchEnqueue(ctx, &fieldpost.BatchEnqueueRequest{Requests: mixed}))
	many := []*fieldpost.EnqueueRequest{}
	for range 10 {
		one := job("/many")
		one.ScheduleTime = scheduleTime
		many = append(many, &fieldpost.EnqueueRequest{Job: one})
	}
	report["queue_full"] = errorOf(relay.BatchEnqueue(ctx, &fieldpost.BatchEnqueueRequest{Requests: many}))

	stream := must(relay.StreamEnqueue(ctx))
	streamed, bad := job("/streamed"), job("/streamed")
	streamed.ScheduleTime = scheduleTime
	bad.Priority = 10
	for index, one := range []*fieldpost.EnqueueRequest{
		{Job: streamed, JobId: "streamed"},
		{Job: bad},
		{Job: job("/streamed"), ValidateOnly: true},
	} {
		must(0, stream.Send(&fieldpost.StreamEnqueueRequest{Sequence: int64(index + 1), Request: one}))
	}
	must(0, stream.CloseSend())
	refused, last := [][]int64{}, int64(0)
	for {
		answer, err := stream.Recv()
		if err == io.EOF {
			break
		}
		must(0, err)
		last = answer.AckedSequence
		if answer.Error != nil {
			refused = append(refused, []int64{answer.AckedSequence, int64(answer.Error.Code)})
		}
	}
	report["stream"] = map[string]any{
		"refused": refused,
		"last":    last,
		"stored":  asJSON(must(get("jobs/streamed", "state"))),
	}

	report["unimplemented"] = errorOf(relay.CountJobs(ctx, &fieldpost.CountJobsRequest{}))
	watch := must(relay.WatchJobs(ctx, &fieldpost.WatchJobsRequest{}))
	report["unimplemented_stream"] = errorOf(watch.Recv())
	soon, cancelSoon := context.WithTimeout(ctx, time.Microsecond)
	defer cancelSoon()
	report["deadline"] = errorOf(relay.Enqueue(soon, &fieldpost.EnqueueRequest{Job: job("/deadline")}))["code"]

	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(report); err != nil {
		log.Fatal(err)
	}
}
