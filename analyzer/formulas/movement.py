"""What does no arithmetic: allocation, random numbers, copies, lookups, rearrangement, questions, communication."""

from analyzer.formulas.formula import Formula, free, merge, per_element_of, table
from analyzer.values.operator_classes import UNMOVED

ALLOCATION = """
    empty empty_like empty_strided empty_permuted empty_quantized _empty_affine_quantized
    _empty_per_channel_affine_quantized _efficientzerotensor new_empty new_empty_strided new_full new_ones new_zeros
    _new_zeros_with_same_feature_meta zeros zeros_like ones ones_like full full_like scalar_tensor arange range
    linspace logspace eye tril_indices triu_indices from_file bartlett_window blackman_window hamming_window
    hann_window kaiser_window _dim_arange fft_fftfreq fft_rfftfreq fill zero fill_diagonal _foreach_zero lift
    _make_per_tensor_quantized_tensor _make_per_channel_quantized_tensor
"""

RANDOM = """
    rand rand_like randn randn_like randint randint_like randperm random normal normal_functional uniform bernoulli
    multinomial exponential geometric log_normal cauchy poisson binomial _standard_gamma _sample_dirichlet
    _cudnn_init_dropout_state _philox_normal _philox_uniform _philox_key_fold_in _philox_key_split _sobol_engine_draw
    _sobol_engine_ff_ _sobol_engine_initialize_state_ _sobol_engine_scramble_ _fill_mem_eff_dropout_mask_
"""

COPIES = """
    clone copy copy_sparse_to_sparse _lazy_clone _to_copy _copy_from _copy_from_and_resize _foreach_clone
    _foreach_copy _reshape_copy _to_cpu type_as chalf _cast_Byte _cast_Char _cast_Double _cast_Float _cast_Half
    _cast_Int _cast_Long _cast_Short to_dense _to_dense to_mkldnn to_sparse _to_sparse to_sparse_csr _to_sparse_csr
    to_sparse_csc _to_sparse_csc to_sparse_bsr _to_sparse_bsr to_sparse_bsc _to_sparse_bsc to_dense_backward
    to_mkldnn_backward _pin_memory int_repr _mkldnn_reshape _mkldnn_transpose mkldnn_reorder_conv2d_weight
    mkldnn_reorder_conv3d_weight contiguous pin_memory to resolve_conj resolve_neg narrow_copy conj_physical
    _conj_physical set set_data shallow_copy_data_ _saturate_weight_to_fp16
    _resize_output resize resize_as resize_as_sparse sparse_resize sparse_resize_and_clear alias_copy
    as_strided_copy detach_copy diagonal_copy expand_copy lift_fresh_copy permute_copy select_copy slice_copy
    squeeze_copy t_copy transpose_copy unfold_copy unsqueeze_copy view_copy view_as_complex_copy view_as_real_copy
    values_copy indices_copy crow_indices_copy ccol_indices_copy col_indices_copy row_indices_copy _conj_copy
    _fw_primal_copy _indices_copy _make_dual_copy _neg_view_copy _reshape_alias_copy _sparse_broadcast_to_copy
    _values_copy _nested_get_values_copy _nested_view_from_buffer_copy _nested_view_from_jagged_copy split_copy
    split_with_sizes_copy unbind_copy
"""

REARRANGEMENT = """
    cat concat concatenate stack _stack _chunk_cat hstack vstack dstack column_stack row_stack block_diag
    cartesian_prod combinations constant_pad_nd pad _pad_enum _pad_circular reflection_pad1d reflection_pad2d
    reflection_pad3d replication_pad1d replication_pad2d replication_pad3d pad_sequence repeat repeat_interleave
    tile flip fliplr flipud roll rot90 pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle im2col
    tril triu diag diagflat diag_embed diagonal_scatter select_scatter slice_scatter as_strided_scatter
    diagonal_backward select_backward slice_backward meshgrid broadcast_tensors one_hot fft_fftshift fft_ifftshift
    trace_backward upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
    _upsample_nearest_exact2d _upsample_nearest_exact3d max_unpool2d max_unpool3d vander flatten_dense_tensors
    unflatten_dense_tensors _add_batch_dim _remove_batch_dim
    value_selecting_reduction_backward atleast_1d atleast_2d atleast_3d
"""

LOOKUPS = """
    index index_select index_copy index_fill gather take take_along_dim masked_select masked_scatter
    masked_scatter_backward masked_select_backward embedding nonzero nonzero_numpy nonzero_static argwhere
    _unsafe_index _unsafe_masked_index
"""

RAGGED = """
    _pack_padded_sequence _pad_packed_sequence _pack_padded_sequence_backward _nested_from_padded
    _nested_from_padded_tensor _nested_from_padded_and_nested_example _nested_tensor_from_mask
    _nested_tensor_from_mask_left_aligned _nested_tensor_from_tensor_list _nested_tensor_size
    _nested_tensor_storage_offsets _nested_tensor_strides _nested_compute_contiguous_strides_offsets
    _nested_get_jagged_dummy _nested_get_lengths _nested_get_max_seqlen _nested_get_min_seqlen _nested_get_offsets
    _nested_get_ragged_idx nested_to_padded_tensor to_padded_tensor _jagged_to_padded_dense_forward
    _padded_dense_to_jagged_forward
"""

SPARSE = """
    sparse_coo_tensor sparse_csr_tensor sparse_csc_tensor sparse_bsr_tensor sparse_bsc_tensor sparse_compressed_tensor
    _sparse_coo_tensor_unsafe _sparse_csr_tensor_unsafe _sparse_csc_tensor_unsafe _sparse_bsr_tensor_unsafe
    _sparse_bsc_tensor_unsafe _sparse_compressed_tensor_unsafe _sparse_coo_tensor_with_dims
    _sparse_coo_tensor_with_dims_and_tensors _sparse_compressed_tensor_with_dims sparse_mask _sparse_mask_projection
    _spdiags _coalesced sparse_dim dense_dim _dimI _dimV _nnz is_coalesced _validate_compressed_sparse_indices
    _validate_sparse_coo_tensor_args _validate_sparse_csr_tensor_args _validate_sparse_csc_tensor_args
    _validate_sparse_bsr_tensor_args _validate_sparse_bsc_tensor_args _validate_sparse_compressed_tensor_args
    _convert_indices_from_coo_to_csr _convert_indices_from_csr_to_coo _to_sparse_semi_structured
    _sparse_semi_structured_apply _sparse_semi_structured_apply_dense _sparse_semi_structured_tile _cslt_compress
"""

PACKED_WEIGHTS = """
    _convert_weight_to_int4pack _convert_weight_to_int4pack_for_cpu _dyn_quant_pack_4bit_weight
    _cudnn_rnn_flatten_weight fbgemm_pack_gemm_matrix_fp16 fbgemm_pack_quantized_matrix
    fbgemm_linear_quantize_weight _wrapped_linear_prepack q_scale q_zero_point q_per_channel_axis
    q_per_channel_scales q_per_channel_zero_points qscheme
"""

QUESTIONS = """
    item _local_scalar_dense size stride numel dim storage_offset sym_size sym_stride sym_numel sym_storage_offset
    sym_is_contiguous is_complex is_floating_point is_signed is_conj is_neg is_contiguous is_same_size is_set_to
    is_leaf is_inference is_pinned is_distributed is_vulkan_available _is_zerotensor _has_same_storage_numel
    _has_compatible_shallow_copy_type _debug_has_internal_overlap can_cast promote_types result_type get_device data
    output_nr _version retains_grad retain_grad requires_grad_ record_stream _fused_sdp_choice cudnn_is_acceptable
    _use_cudnn_ctc_loss _use_miopen_ctc_loss _use_cudnn_rnn_flatten_weight _nnpack_available _shape_as_tensor
    _linalg_check_errors _print _assert_async _functional_assert_async _assert_scalar _functional_assert_scalar
    _assert_tensor_metadata _make_dep_token sym_constrain_range sym_constrain_range_for_size
    _functional_sym_constrain_range _functional_sym_constrain_range_for_size _cslt_sparse_mm_search
    _cufft_clear_plan_cache _cufft_get_plan_cache_max_size _cufft_get_plan_cache_size _cufft_set_plan_cache_max_size
"""

PRIMS = """
    convert_element_type clone copy_to copy_strided device_put cat empty empty_permuted empty_strided fill full
    full_like iota item normal uniform reshape resize rev scalar_tensor as_strided as_strided_scatter collapse
    _make_token _sink_tokens
"""

COLLECTIVES = """
    _wrap_tensor_autograd all_gather_into_tensor all_gather_into_tensor_coalesced all_gather_into_tensor_out
    all_reduce all_reduce_coalesced all_to_all_single batch_p2p_ops broadcast irecv isend reduce_scatter_tensor
    reduce_scatter_tensor_coalesced reduce_scatter_tensor_out wait_tensor
"""

C10D = """
    _allgather_base_ _reduce_scatter_base_ allgather_ allgather_coalesced_ allgather_into_tensor_coalesced_ allreduce_
    allreduce_coalesced_ alltoall_ alltoall_base_ barrier broadcast_ check_for_nan gather_ gather_into_tensor_
    monitored_barrier_ recv_ recv_any_source_ reduce_ reduce_scatter_ reduce_scatter_tensor_coalesced_ scatter_ send
"""

FREE: dict[str, Formula] = merge(
    *(
        table(free, names)
        for names in (ALLOCATION, RANDOM, COPIES, REARRANGEMENT, LOOKUPS, RAGGED, SPARSE, PACKED_WEIGHTS, QUESTIONS)
    ),
    dict.fromkeys(UNMOVED, free),
    table(free, PRIMS, "prims"),
    # What fake tensors are asked.
    table(free, "device layout", "prim"),
    table(free, COLLECTIVES, "_c10d_functional"),
    table(free, "all_gather_into_tensor all_to_all_single reduce_scatter_tensor", "_c10d_functional_autograd"),
    table(free, C10D, "c10d"),
    table(free, "_record_function_enter _record_function_enter_new _record_function_exit", "profiler"),
    table(
        free,
        "_reorder_convolution_weight _reorder_convolution_transpose_weight _reorder_linear_weight "
        "_reorder_mkldnn_rnn_layer_weight _nbytes data_ptr _get_mkldnn_serialized_md _is_mkldnn_bf16_supported "
        "_is_mkldnn_fp16_supported _is_mkldnn_acl_supported",
        "mkldnn",
    ),
    table(free, "conv2d_prepack", "mkldnn_prepacked"),
    table(free, "_mkl_reorder_linear_weight", "mkl"),
    # Only with a reduction it computes.
    table(per_element_of(1, "index", when="reduce"), "scatter"),
)
