"""How every form is drawn: one template for a field, so that label, help and error are always tied to the control."""

from django.forms.renderers import TemplatesSetting


class HouseRenderer(TemplatesSetting):
    """`{{ form.name.as_field_group }}` is components/_field.html, `{{ form }}` all fields one below the other."""

    form_template_name = "components/_form.html"
    field_template_name = "components/_field.html"
