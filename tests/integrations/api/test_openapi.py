"""The description is a valid OpenAPI document, its examples keep its own rules, and the page shows all of it."""

from __future__ import annotations

import json
import re

import pytest
from django.conf import settings
from jsonschema import Draft202012Validator

from tests.clients import HostClient
from tests.integrations.api.checks import UNSAFE, documents, fits, operations

#: Programs lean on these names: they may come, they may not go.
OPERATIONS = """
list_providers get_provider list_integrations create_integration get_integration change_integration delete_integration
set_credentials sign_in_address test_credentials discover_collections plan_integration get_plan list_plan_lines download_plan
approve_plan discard_plan activate_integration pause_integration
resume_integration sync_integration cancel_run list_collections resolve_collection get_collection_schema list_streams
create_stream get_stream change_stream delete_stream begin_stream allow_deletions get_stream_filters read_stream_again
match_stream_anew get_stream_health list_in_step list_left_out list_failing list_record_links pause_link resume_link pair_records
keep_apart list_mappings set_mappings
list_suggested_mappings list_possible_mappings list_transforms preview_stream preview_mappings create_remote_field
list_runs get_run
list_run_records preview_undo undo_run retry_run
list_conflicts get_conflict resolve_conflict swap_conflict acknowledge_conflict resolve_conflicts
list_set_aside retry_one_set_aside retry_set_aside list_entities get_entity list_records
create_record change_records get_record update_record delete_record list_record_history
get_record_provenance list_views create_view update_view delete_view create_action get_action undo_action
get_usage get_agreement list_edits get_cost get_collection_size forecast_matching
list_notifications read_notifications read_notification get_notification_preferences set_notification_preferences
list_causes mend_cause list_incidents
create_import list_imports get_import change_import preview_import list_import_rows download_refused_rows approve_import
undo_import discard_import export_records
list_templates list_places make_template
list_webhook_endpoints create_webhook_endpoint get_webhook_endpoint change_webhook_endpoint delete_webhook_endpoint
renew_webhook_secret test_webhook_endpoint list_webhook_deliveries get_webhook_delivery resend_webhook_delivery
resend_failed_webhooks
get_organisation change_organisation list_members change_member remove_member list_invitations invite take_back_invitation
list_tokens revoke_token
list_added_fields add_field change_added_field remove_added_field
list_connectors set_connector test_connector import_now export_now list_logs
""".split()


def test_anybody_may_read_the_descriptions(tenant):
    for path, document in zip(("/api/v1/openapi.json", "/api/connectors/openapi.json"), documents(), strict=True):
        answer = HostClient(tenant).get(path)
        assert answer.status_code == 200
        assert answer.json() == document


@pytest.mark.parametrize("document", documents())
def test_its_schemas_are_valid_and_their_references_lead_somewhere(document):
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    for reference in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert reference in schemas


def test_what_both_descriptions_name_is_the_same_in_both():
    one, other = (document["components"]["schemas"] for document in documents())
    assert {name: one[name] for name in one.keys() & other.keys()} == {
        name: other[name] for name in one.keys() & other.keys()
    }


def test_operations_keep_their_names():
    assert sorted(op["operationId"] for _path, _method, op in operations()) == sorted(OPERATIONS)


@pytest.mark.parametrize(("path", "method", "operation"), operations())
def test_every_operation_is_told_by_example(path, method, operation):
    assert operation["description"].strip().endswith(".")
    assert operation["security"] and operation["tags"]
    assert "default" in operation["responses"]
    named = set(re.findall(r"{(\w+)}", path))
    assert {p["name"] for p in operation["parameters"] if p["in"] == "path"} == named
    assert any(p["name"] == "Idempotency-Key" for p in operation["parameters"]) is (method in UNSAFE)
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    answers = [told for status, told in operation["responses"].items() if status != "default"]
    for holder in [*bodies, *answers]:
        for media in holder.get("content", {}).values():
            fits(media["example"], media["schema"])


def test_the_page_shows_every_call_and_needs_nothing_from_elsewhere(tenant):
    answer = HostClient(tenant).get("/api/v1/docs")
    page = answer.content.decode()
    assert answer.status_code == 200
    for path, _method, operation in operations():
        assert f'id="{operation["operationId"]}"' in page
        assert path in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert not re.findall(r"<script(?![^>]* src=)|<style|\son\w+=", page)
    assert "Content-Security-Policy" in answer


def test_no_secret_stands_in_the_description():
    text = json.dumps(documents())
    assert settings.SECRET_KEY not in text
