from django import forms
from django.core.exceptions import ValidationError

UPLOAD_LIMIT_BYTES = 64 * 1024 * 1024


class UploadForm(forms.Form):
    file = forms.FileField(max_length=200)

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > UPLOAD_LIMIT_BYTES:
            raise ValidationError(
                f"The file has {file.size} bytes; at most {UPLOAD_LIMIT_BYTES} are accepted."
            )
        return file
