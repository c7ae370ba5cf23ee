"""The tests of `make quick`: `python -m tests.quick` prints them, for the command line of pytest.

All of them together take little, and every room has some: see tests/test_quick.py.
"""

FILES = """
test_configs_seds test_declared test_files test_imports test_pseudo_labels test_quick
data/test_augment data/test_clip_table data/test_feature_files data/test_hand_boxes data/test_index
data/test_pose data/test_posed data/test_sampling data/test_source data/test_tf_example
data/test_tokenizer data/test_flow_encoding data/test_frame_sampling data/test_gloss_cleaning
data/test_gloss_vocabulary
data_builders/signing_sim/test_determinism data_builders/signing_sim/test_sentences
data_builders/signing_sim/test_videos data_builders/test_attachments data_builders/test_check
data_builders/test_check_annotations data_builders/test_csl_daily data_builders/test_flow
data_builders/test_frame_numbers data_builders/test_how2sign
data_builders/test_list_clips data_builders/test_phoenix14t data_builders/test_posed_corpus
launch/test_cluster_files launch/test_one_table launch/test_reproduce launch/test_scaling_study
metrics/test_classification metrics/test_introsort metrics/test_retrieval
metrics/test_word_error
modules/test_batch_norm modules/test_distribution modules/test_skeleton
ops/test_contrastive ops/test_linear ops/test_maximum ops/test_sampling ops/test_windows
run/test_checks run/test_config_paths search/test_ranking search/test_store
systems/i3d/test_released_names systems/test_registry systems/upret/test_model
train/test_distributed train/test_loop_best train/test_record train/test_report
untrusted/test_budget untrusted/test_csv_table untrusted/test_npz untrusted/test_safe_pickle
video/test_ends video/test_flow video/test_video_tree
weights/test_convert weights/test_safetensors_file weights/test_wrappers
""".split()
# Of files whose other tests compile.
FUNCTIONS = {
    "api/test_load": ("test_names_are_listed_and_others_are_not_there",
                      "test_systems_are_told_in_a_line",
                      "test_the_card_of_a_table_of_labels_names_no_file"),
    "test_parity": ("test_wrong_files_are_one_sentence",
                    "test_nested_json_is_one_sentence_and_names_are_shown_as_text"),
    "tasks/test_isolated": ("test_a_wrong_label_is_named", "test_splits_of_labels",
                            "test_windows_are_drawn_inside_the_segment",
                            "test_a_task_goes_on_with_the_batches_of_that_step"),
    "tasks/test_retrieval": ("test_batches_go_on_from_any_step",
                             "test_augmentation_is_that_of_the_configuration",
                             "test_choices_that_do_not_exist"),
    "train/test_optim": ("test_what_treats_parameters_apart_cannot_see_one_vector",
                         "test_a_group_that_is_no_expression"),
}  # fmt: skip


def arguments():
  """What pytest is to run: paths, and names of functions behind "::"."""
  yield from (f"tests/{name}.py" for name in FILES)
  for name, functions in FUNCTIONS.items():
    yield from (f"tests/{name}.py::{function}" for function in functions)


if __name__ == "__main__":
  print(*arguments())
